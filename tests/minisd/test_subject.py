"""Subjects from seeds, and their photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dbsweep.minisd.attributes import CLASSES
from dbsweep.minisd.subject import draw_subject, write_subject_photos
from dbsweep.minisd.world import draw_samples


def test_photos_are_numbered_varied_and_repeatable(tmp_path: Path):
    first = write_subject_photos(17, "man", 12, tmp_path / "a")
    again = write_subject_photos(17, "man", 12, tmp_path / "b")
    assert [path.name for path in first] == [f"photo_{index:02d}.png" for index in range(1, 13)]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert len({Image.open(path).tobytes() for path in first}) == 12


def test_a_class_left_open_is_drawn_from_the_seed():
    assert {draw_subject(seed).klass for seed in range(30)} == set(CLASSES)
    assert draw_subject(4) == draw_subject(4)


@pytest.mark.parametrize(
    ("seed", "klass", "photos", "message"),
    [
        (-1, None, 3, "`seed` must be 0 or more, got -1"),
        (1, "dog", 3, "`class` must be one of man, woman, robot, got 'dog'"),
        (1, None, 0, "`photos` must be 1 or more, got 0"),
    ],
)
def test_bad_values_are_refused_and_nothing_is_written(
    tmp_path: Path, seed: int, klass: str | None, photos: int, message: str
):
    with pytest.raises(ValueError, match=message):
        write_subject_photos(seed, klass, photos, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_photos_are_never_overwritten(tmp_path: Path):
    (tmp_path / "photo_002.png").write_text("of another subject")  # from a larger set, so the names differ
    for taken in (tmp_path, tmp_path / "photo_002.png"):
        with pytest.raises(FileExistsError, match="exists already and is no empty folder"):
            write_subject_photos(17, None, 3, taken)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo_002.png"]


def test_training_draws_from_another_stream_than_seeded_subjects():
    seeded = {draw_subject(seed) for seed in range(500)}
    trained = {sample.subject for sample in draw_samples(0, 500)}
    assert len(seeded & trained) <= 1, "chance alone: the streams share no random numbers"
    assert np.random.default_rng([0x5B1EC7, 0]).random() != np.random.default_rng([0x77A1D, 0]).random()
