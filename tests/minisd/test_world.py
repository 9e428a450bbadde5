"""The numbered stream of pictures, and renders that are there already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dbsweep.minisd import world
from dbsweep.minisd.attributes import CLASSES, STYLES
from dbsweep.minisd.world import PHOTO_SHARE, draw_sample, draw_samples, open_renders


def test_a_sample_depends_on_its_number_and_seed_alone():
    samples = draw_samples(3, 8)
    assert samples[5] == draw_sample(3, 5) != draw_sample(4, 5)
    assert samples == draw_samples(3, 9)[:8]


def test_photos_have_their_share_and_all_styles_and_classes_are_there():
    samples = draw_samples(0, 1000)
    photos = sum(sample.style == STYLES[0] for sample in samples) / len(samples)
    assert photos == pytest.approx(PHOTO_SHARE, abs=0.04)  # three standard errors of a share of 1,000
    assert {sample.style for sample in samples} == set(STYLES)
    assert {sample.subject.klass for sample in samples} == set(CLASSES)


@pytest.fixture
def rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four pictures on disk; nothing may be rendered."""
    monkeypatch.setattr(world, "ProcessPoolExecutor", lambda *_: pytest.fail("rendered"))
    path = tmp_path / "renders.npy"
    np.save(path, np.arange(4 * 64 * 64 * 3, dtype=np.uint32).astype(np.uint8).reshape(4, 64, 64, 3))
    return path


def test_renders_that_are_there_are_read_as_many_as_are_wanted(rendered: Path):
    renders = open_renders(rendered, 0, 3)
    assert np.array_equal(renders, np.load(rendered)[:3])
    assert not renders.flags.writeable


def test_too_few_renders_are_refused_with_what_to_do(rendered: Path):
    with pytest.raises(ValueError, match=r"renders\.npy holds 4 pictures, 5 are needed; remove it to render again"):
        open_renders(rendered, 0, 5)
