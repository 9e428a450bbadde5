"""Photos and class images are counted as they train, and measured only where sizes count."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dbsweep.config.loading import load_experiment
from dbsweep.config.schema import Experiment
from dbsweep.errors import InputError
from dbsweep.sweep.photo_counts import count_class_images, count_photos, photo_sizes
from tests.sweep.files import write_experiment


def experiment(folder: Path, *sets: str) -> Experiment:
    return load_experiment(write_experiment(folder), sets)


def own(folder: Path, count: int) -> str:
    (folder / "men").mkdir()
    for i in range(count):
        Image.new("RGB", (64, 64), (i, 0, 0)).save(folder / "men" / f"{i}.png")
    return f"concepts.0.class_images.folder={folder / 'men'}"


def test_photos_are_those_that_train(tmp_path: Path) -> None:
    assert count_photos(experiment(tmp_path)) == (3,)
    assert count_photos(load_experiment(tmp_path / "demo.yaml", ["concepts.0.validation_photos=1"])) == (2,)
    for photo in (tmp_path / "photos").iterdir():
        photo.unlink()
    with pytest.raises(InputError, match="no photos"):
        count_photos(load_experiment(tmp_path / "demo.yaml"))


def test_own_class_images_are_counted(tmp_path: Path) -> None:
    assert count_class_images(experiment(tmp_path)) == (0,)
    assert count_class_images(load_experiment(tmp_path / "demo.yaml", [own(tmp_path, 2)])) == (2,)


def test_sizes_are_read_where_photos_keep_their_shape_in_some_trial(tmp_path: Path) -> None:
    found = experiment(tmp_path)
    Image.new("RGB", (96, 64)).save(tmp_path / "photos" / "0.png")
    assert photo_sizes(found) is None
    sizes = ((96, 64), (64, 64), (64, 64))
    for setting in ("train.aspect_ratio_buckets=true", "search.aspect_ratio_buckets=[false, true]"):
        assert photo_sizes(load_experiment(tmp_path / "demo.yaml", [setting])) == (sizes,)
