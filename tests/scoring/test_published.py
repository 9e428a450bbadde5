"""The paper's metrics and what averages hide, computed by hand on vectors of the unit circle."""

from __future__ import annotations

import numpy as np
import pytest

from dbsweep.scoring.published import div, identity_leak, memorisation, pres, subject_fidelity


def at(*degrees: float) -> np.ndarray:
    """(n, 2) unit vectors; the cosine of two is that of the angle between them."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_subject_fidelity_is_the_mean_cosine_to_the_photos() -> None:
    """0° to photos at 0° and 60°: (1 + 0.5) / 2; 90° to them: (0 + 0.866) / 2."""
    assert subject_fidelity(at(0, 90), at(0, 60)) == pytest.approx([0.75, np.sqrt(0.75) / 2])


def test_pres_of_a_class_that_became_the_subject_is_the_subjects() -> None:
    """The class at 90° and 60° from photos at 0°: 0 and 0.5; drawn as the subject: 1."""
    assert pres(at(90, 60), at(0, 0)) == pytest.approx([0.0, 0.5])
    assert pres(at(0), at(0, 0)) == pytest.approx([1.0])


def test_div_is_the_mean_distance_to_the_others() -> None:
    """0°, 60°, 120°: from 0°: (0.5 + 1.5) / 2 = 1; from 60°: 0.5; equal images: 0; one: nothing to compare."""
    assert div(at(0, 60, 120)) == pytest.approx([1.0, 0.5, 1.0])
    assert div(at(30, 30)) == pytest.approx([0.0, 0.0])
    assert np.isnan(div(at(30))).all()


def test_identity_leak_goes_from_the_bases_style_to_the_photos() -> None:
    """Photos at 0° (twice; 1 among themselves), the base's style at 90° (0): 60° is 0.5 of the way, 120° is -0.5."""
    assert identity_leak(at(90, 60, 0, 120), at(0, 0), at(90, -90)) == pytest.approx([0.0, 0.5, 1.0, -0.5])


def test_identity_leak_needs_a_way_to_go() -> None:
    assert np.isnan(identity_leak(at(0), at(0, 0), at(0))).all()
    assert np.isnan(identity_leak(at(0), at(0), at(90))).all()


def test_memorisation_compares_equally_many_photos() -> None:
    """Image at 0°, trained on 0°, 60°, 90° (cosines 1, 0.5, 0), one held out at 60° (0.5).

    Expected maximum of one of three is their mean, 0.5: nothing memorised. With held-out 60° and 90°, of the pairs
    (1, .5), (1, 0), (.5, 0) the maxima are 1, 1, 0.5: 0.8333 - 0.5.
    """
    assert memorisation(at(0), at(0, 60, 90), at(60)) == pytest.approx([0.0])
    assert memorisation(at(0), at(0, 60, 90), at(60, 90)) == pytest.approx([2.5 / 3 - 0.5])


def test_memorisation_by_chance_is_0() -> None:
    """Photos and images of one distribution in 8 dimensions: 12 against 4 photos, 2000 times."""
    rng = np.random.default_rng(0)

    def draw(n: int) -> np.ndarray:
        rows = rng.normal(size=(n, 8))
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    means = [memorisation(draw(4), draw(12), draw(4)).mean() for _ in range(2000)]
    assert np.mean(means) == pytest.approx(0.0, abs=4 * np.std(means) / np.sqrt(2000))
    photos = draw(12)
    assert memorisation(photos, photos, draw(4)).mean() > 0.0


@pytest.mark.parametrize("held_out", [0, 4])
def test_memorisation_needs_held_out_photos(held_out: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 3, as many as training photos at most, got {held_out}"):
        memorisation(at(0), at(0, 1, 2), at(*range(held_out)))
