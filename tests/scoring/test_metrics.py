"""Metrics against arithmetic done by hand, and their degenerate cases."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from dbsweep.scoring import metrics

NAN = math.nan
X, Y, Z = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]


def rows(*values: list[float]) -> npt.NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def towards(cosine: float, other: list[float]) -> list[float]:
    """The unit vector with this cosine to X, its rest along `other`."""
    rest = math.sqrt(1.0 - cosine**2)
    return [cosine * x + rest * y for x, y in zip(X, other, strict=True)]


PHOTOS = rows(X, towards(0.8, Y))
"""Two photos; their cosine, and so the leave-one-out ceiling, is 0.8."""


def test_row_mean_leaves_nan_out() -> None:
    assert metrics.row_mean(rows([1.0, NAN, 3.0], [NAN, NAN, NAN])) == pytest.approx([2.0, NAN], nan_ok=True)


def test_cosine_to_others() -> None:
    """X·Y = 0, X·(0.8, 0.6) = 0.8, Y·(0.8, 0.6) = 0.6: means 0.4, 0.3, 0.7."""
    assert metrics.cosine_to_others(rows(X, Y, towards(0.8, Y))) == pytest.approx([0.4, 0.3, 0.7])
    assert np.isnan(metrics.cosine_to_others(rows(X))).all()


def test_identity_gap() -> None:
    """Base images along Z have cosine 0 to both photos; the photos have 0.8 to each other."""
    assert metrics.identity_gap(PHOTOS, rows(Z, Z)) == pytest.approx((0.0, 0.8))


def test_many_pictures_tell_a_class_from_its_subject_however_they_scatter() -> None:
    """Sixteen base images, every other one the first photo: cosines (1 + 0.8) / 2 and 0, their mean 0.45 with a
    variance of 0.2025. The length 0.35 is less than that scatter of 0.45 and more than its error of 0.45 / 4."""
    assert metrics.identity_gap(PHOTOS, rows(*[X, Z] * 8)) == pytest.approx((0.45, 0.35))


def test_one_photo_is_measured_against_itself() -> None:
    """A base image with cosine 0.6 to the only photo: from 0.6 to 1."""
    assert metrics.identity_gap(rows(X), rows(towards(0.6, Z))) == pytest.approx((0.6, 0.4))


@pytest.mark.parametrize(
    "base",
    [rows(X, X), PHOTOS, rows(X, X, X, [-1.0, 0.0, 0.0])],
    ids=["nearer than the photos", "the photos", "no further than chance"],
)
def test_a_class_that_looks_like_the_subject_has_no_scale(base: npt.NDArray[np.float64]) -> None:
    assert math.isnan(metrics.identity_gap(PHOTOS, base)[1])
    assert np.isnan(metrics.identity(rows(X), PHOTOS, base, base)).all()
    assert np.isnan(metrics.prior_preservation(base, base, PHOTOS)).all()


def test_identity() -> None:
    """The class lies at Z. From there the photos X - Z and (0.8, 0.6, -1), both √2 long, have 1.8 / 2 = 0.9 to each
    other, the end of the scale; the class itself has no direction, which is its start of 0.

    X: mean(1, 0.9) / 0.9 = 1.0556. Y - Z has 1 / 2 and (0.6 + 1) / 2: mean 0.65 / 0.9 = 0.7222. Z: 0.
    """
    base = rows(Z, Z)
    assert metrics.identity(rows(X, Y, Z), PHOTOS, base, base) == pytest.approx([0.95 / 0.9, 0.65 / 0.9, 0.0])


def test_identity_takes_off_what_the_class_has_in_common() -> None:
    """A subject at X + 3Z among a class at 3Z: another at Y + 3Z has a cosine of 0.9 to it, and nothing of its own."""
    subject, other, anyone = (np.array([row]) / np.linalg.norm(row) for row in ([1, 0, 3], [0, 1, 3], [0, 0, 1]))
    base = np.concatenate([anyone, anyone])
    assert (subject @ other.T).item() == pytest.approx(0.9)
    assert metrics.identity(other, subject, base, base).item() < 0.1
    assert metrics.identity(subject, subject, base, base) == pytest.approx([1.0])


def test_identity_takes_off_the_surroundings_with_the_class() -> None:
    """There the class lies at Y instead of Z: the same step from it towards X is the same likeness, however far off."""
    here, there = rows(Z, Z), rows(Y, Y)
    towards_x = rows([0.1, 0.0, 1.0]), rows([0.1, 1.0, 0.0])
    photo = rows([1.0, 0.0, 1.0])  # X from the class
    plain = metrics.identity(towards_x[0], photo, here, here)
    assert metrics.identity(towards_x[1], photo, there, here) == pytest.approx(plain)
    assert plain == pytest.approx([1.0])


def test_an_image_that_has_lost_the_style_is_no_more_alike_for_it() -> None:
    """Plain at Z, styled at Y. From Z the photo lies at (1, 0, 1); from Y the plain class lies at (0, -1, 1), which has
    a cosine of 1/2 to it, all of it along the way between the two."""
    photo, plain, styled = rows([1.0, 0.0, 2.0]), rows(Z, Z), rows(Y, Y)
    assert metrics.identity(rows(Z), photo, styled, plain) == pytest.approx([0.0])
    assert metrics.identity(rows([0.2, 1.0, 0.0]), photo, styled, plain).item() > 0.8


def test_the_scale_of_identity_starts_at_its_base_and_is_as_long_as_the_plain_one() -> None:
    """From the class at Y the base's images lie at X, -X and -X, so the scale starts at -1/3 there. From the plain
    class at Z, which does not scatter, it is 1 long to the only photo, at X."""
    there = rows([1.0, 1.0, 0.0], [-0.5, 1.0, 0.0], [-0.5, 1.0, 0.0])
    found = metrics.identity(rows([1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]), rows([1.0, 0.0, 1.0]), there, rows(Z, Z))
    assert found == pytest.approx([4 / 3, -2 / 3])


def test_identity_of_base_and_photos_is_0_and_1() -> None:
    base = rows(Z, towards(0.3, Z))
    assert metrics.identity(base, PHOTOS, base, base).mean() == pytest.approx(0.0)
    # Every photo counts itself with a cosine of 1: with n photos (1 + (n - 1) c) / n for c to each other.
    itself = float(metrics.identity(PHOTOS[:1], PHOTOS[:1], base, base)[0])
    among = metrics.identity(PHOTOS, PHOTOS, base, base)
    assert itself == pytest.approx(1.0)
    start, length = _scale(base)
    assert 2 * among - (1.0 - start) / length == pytest.approx([1.0, 1.0])


def _scale(base: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Start and length of the identity scale of `PHOTOS`, in cosines seen from the middle of the class."""
    seen, others = PHOTOS - base.mean(axis=0), base - base.mean(axis=0)
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (seen, others)]
    return metrics.identity_gap(unit[0], unit[1])


def test_a_blank_image_is_missing_and_spoils_no_other() -> None:
    blank = [NAN] * 3
    assert metrics.identity(rows(X, blank), PHOTOS, rows(Z, Z), rows(Z, Z)) == pytest.approx(
        [0.95 / 0.9, NAN], nan_ok=True
    )
    base = rows(X, Y, Z)
    assert metrics.diversity(rows(X, blank, Z), base) == pytest.approx([1.0, NAN, 1.0], nan_ok=True)


STYLED, PLAIN = rows(Y, Y), rows(X, X)
"""Two seeds of a base model that answers the style with the shift Y - X, of length √2."""


@pytest.mark.parametrize(
    ("styled", "plain", "expected"),
    [
        (STYLED, PLAIN, [1.0, 1.0]),
        (PLAIN, PLAIN, [0.0, 0.0]),
        (rows(Y, X), PLAIN, [1.0, 0.0]),
        (rows(Z, Z), PLAIN, [0.5, 0.5]),  # (Z - X)·(Y - X)/√2 / √2 = 1/2
        (PLAIN, STYLED, [-1.0, -1.0]),
        (rows([0.5, 0.5, 0.0], [0.5, 0.5, 0.0]), PLAIN, [0.5, 0.5]),
    ],
    ids=["as base", "gone", "one seed lost it", "another style", "reversed", "half way"],
)
def test_style_retention(
    styled: npt.NDArray[np.float64], plain: npt.NDArray[np.float64], expected: list[float]
) -> None:
    assert metrics.style_retention(styled, plain, STYLED, PLAIN) == pytest.approx(expected)


def test_style_leaves_the_own_seed_out_of_the_direction() -> None:
    """Shifts b_1 = Y - X and b_2 = Z - X: u_1 = b_2/√2, u_2 = b_1/√2, b_i·u_i = 1/√2 each, so the base has 1 and 1.

    The checkpoint's d = (Y - X, Y - X): d·u_1 = 1/√2 → 1; d·u_2 = √2 → 2.
    """
    base_styled = rows(Y, Z)
    assert metrics.style_retention(base_styled, PLAIN, base_styled, PLAIN) == pytest.approx([1.0, 1.0])
    assert metrics.style_retention(STYLED, PLAIN, base_styled, PLAIN) == pytest.approx([1.0, 2.0])


def test_style_is_measured_by_the_base_s_mean_shift() -> None:
    """Shifts of 2 and 1 times Y - X: the base's own images have 2 / 1.5 and 1 / 1.5."""
    base_styled = rows([-1.0, 2.0, 0.0], Y)
    assert metrics.style_retention(base_styled, PLAIN, base_styled, PLAIN) == pytest.approx([4 / 3, 2 / 3])


@pytest.mark.parametrize(
    "base_styled",
    [PLAIN, rows(Y, [2.0, -1.0, 0.0])],
    ids=["no shift at all", "shifts Y - X and X - Y point away from each other"],
)
def test_a_style_unknown_to_the_base_cannot_be_measured(base_styled: npt.NDArray[np.float64]) -> None:
    assert np.isnan(metrics.style_retention(STYLED, PLAIN, base_styled, PLAIN)).all()


def test_style_of_one_seed_cannot_be_measured() -> None:
    assert np.isnan(metrics.style_retention(rows(Y), rows(X), rows(Y), rows(X))).all()


def test_the_weakest_prompt_counts_most() -> None:
    """Means 0.8 and 0.4: h = 2 / (1/0.8 + 1/0.4) = 8/15. Slopes h²/(2 m²) = 2/9 and 8/9, so a deviation of 0.1 becomes
    2 · 2/9 · 0.1 in the first row and four times as much in the second."""
    found = metrics.in_every_prompt(np.array([[0.9, 0.7, np.nan], [0.5, 0.3, np.nan]]))
    h = 8 / 15
    assert found[:, :2].ravel() == pytest.approx([h + 2 / 45, h - 2 / 45, h + 8 / 45, h - 8 / 45])
    assert np.isnan(found[:, 2]).all()


def test_a_prompt_of_which_little_is_left_weighs_as_at_a_fifth() -> None:
    """Means 0.8 and 0.1: h = 2 / (1/0.8 + 1/0.1) = 8/45. The slope of the second is h²/(2 · 0.2²), so a deviation of
    0.05 becomes 2 · (8/45)² / 0.08 · 0.05."""
    found = metrics.in_every_prompt(np.array([[0.8, 0.8], [0.15, 0.05]]))
    h, reach = 8 / 45, (8 / 45) ** 2 / 0.8
    assert found.ravel() == pytest.approx([h, h, h + reach, h - reach])


def test_what_is_lost_in_one_prompt_is_lost() -> None:
    """Means 1.0 and -0.1: the score is -0.1, and only the second prompt's scatter is its own."""
    found = metrics.in_every_prompt(np.array([[1.2, 0.8], [0.0, -0.2]]))
    assert found == pytest.approx(np.array([[-0.1, -0.1], [0.1, -0.3]]))


def test_a_prompt_alone_and_one_without_pictures_change_nothing() -> None:
    alone, nothing = np.array([[0.9, 0.2]]), np.full((1, 2), np.nan)
    assert metrics.in_every_prompt(alone) is alone
    assert metrics.in_every_prompt(np.concatenate([alone, nothing]))[0].tolist() == [0.9, 0.2]


def test_their_scatter_is_that_of_the_harmonic_mean() -> None:
    """Of many draws of four seeds: the spread of h, and what the samples of a single draw tell of it."""
    draws = np.array([0.9, 0.5])[:, None] + np.random.default_rng(0).normal(0.0, 0.1, (2000, 2, 4))
    found = [metrics.in_every_prompt(draw) for draw in draws]
    told = [np.sqrt((one.var(axis=1, ddof=1) / 4).mean() / 2) for one in found]
    assert np.std([one.mean() for one in found]) == pytest.approx(float(np.sqrt(np.mean(np.square(told)))), rel=0.1)


BASE = rows(Z, towards(0.0, [0.0, 0.6, 0.8]))
"""Two class images, Z and (0, 0.6, 0.8): mean cosines to the photos 0 and (0 + 0.36)/2 = 0.18, so the scale runs from
0.09 to 0.8, a length of 0.71; their cosine to each other is 0.8."""


def test_prior_is_1_as_the_base() -> None:
    assert metrics.prior_preservation(BASE, BASE, PHOTOS) == pytest.approx([1.0, 1.0])


def test_prior_counts_the_drift_to_the_subject() -> None:
    """Images X: cosine 0.9 to the photos. Drifts 0.9 - 0 and 0.9 - 0.18 over 0.71 → 1.268 and 1.014.

    Losses: to the other base image 0.8 before and 0 now: 0.8 / 0.71 = 1.127 each; mean drift 1.141 is worse.
    """
    expected = [1.0 - 0.9 / 0.71, 1.0 - 0.72 / 0.71]
    assert metrics.prior_preservation(rows(X, X), BASE, PHOTOS) == pytest.approx(expected)


def test_prior_counts_ruins_that_look_like_nothing() -> None:
    """Images -Z: cosine 0 to the photos, no drift; to the other base image -0.8 and -1 where it was 0.8."""
    expected = [1.0 - (0.8 + 0.8) / 0.71, 1.0 - (0.8 + 1.0) / 0.71]
    assert metrics.prior_preservation(rows([0.0, 0.0, -1.0], [0.0, 0.0, -1.0]), BASE, PHOTOS) == pytest.approx(expected)


def test_a_ruin_is_told_beside_a_blank_image() -> None:
    """As above, where the second image shows nothing."""
    found = metrics.prior_preservation(rows([0.0, 0.0, -1.0], [NAN] * 3), BASE, PHOTOS)
    assert found == pytest.approx([1.0 - (0.8 + 0.8) / 0.71, NAN], nan_ok=True)


def test_another_proper_member_of_the_class_is_no_loss() -> None:
    """The two seeds draw each other's man: likeness to the class even rises from 0.8 to 1; drift is ±0.18."""
    swapped = metrics.prior_preservation(BASE[::-1], BASE, PHOTOS)
    assert swapped.mean() == pytest.approx(1.0)


def test_diversity() -> None:
    """Base distances 1 (X to Y); images X and (0.8, 0.6, 0) are 0.2 apart; copies are 0 apart."""
    base = rows(X, Y)
    assert metrics.diversity(base, base) == pytest.approx([1.0, 1.0])
    assert metrics.diversity(PHOTOS, base) == pytest.approx([0.2, 0.2])
    assert metrics.diversity(rows(X, X), base) == pytest.approx([0.0, 0.0])
    assert np.isnan(metrics.diversity(base, rows(X, X))).all()


def test_prompt_fidelity_is_the_plain_cosine() -> None:
    assert metrics.prompt_fidelity(rows(X, towards(0.3, Y)), np.array(X)) == pytest.approx([1.0, 0.3])


def test_faces_are_counted_and_blank_images_are_not() -> None:
    """Found in the first, not in the second; the third shows nothing at all: of two pictures one has a face."""
    likeness, images = rows(X, [NAN] * 3, [NAN] * 3), rows(X, Y, [NAN] * 3)
    found = metrics.faces(likeness, images)
    assert found == pytest.approx([1.0, 0.0, NAN], nan_ok=True)
    assert np.nanmean(found) == 0.5
