"""Photos keep their shape in buckets, and windows lie evenly over what a crop leaves off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from dbsweep.concepts.framing import Framing
from dbsweep.concepts.photos import photo_size, read_photo, read_square
from dbsweep.config.schema import Train
from dbsweep.errors import InputError


def stripes(path: Path, width: int = 96, height: int = 32) -> Path:
    """Red grows from left to right."""
    row = np.linspace(0, 255, width).astype(np.uint8)
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[..., 0] = row
    Image.fromarray(pixels).save(path)
    return path


def test_photos_go_to_the_bucket_of_their_shape(tmp_path: Path) -> None:
    wide, square = stripes(tmp_path / "a.png", 96, 64), stripes(tmp_path / "b.png", 64, 64)
    flat = stripes(tmp_path / "c.png", 192, 128)
    framing = Framing(resolution=64, buckets=True)
    assert framing.by_size([wide, square, flat]) == {(64, 64): (square,), (80, 48): (wide, flat)}
    assert list(framing.by_size([wide, square])) == [(64, 64), (80, 48)]  # whatever the order of the photos
    assert Framing(resolution=64).by_size([wide, square]) == {(64, 64): (wide, square)}
    assert read_photo(wide, (80, 48)).shape == (48, 80, 3)


def test_a_photo_in_its_bucket_loses_less_than_in_a_square(tmp_path: Path) -> None:
    photo = stripes(tmp_path / "a.png", 300, 200)
    square, bucket = (read_photo(photo, size)[..., 0] for size in ((64, 64), (80, 48)))
    assert int(square.max()) - int(square.min()) == pytest.approx(170, abs=4)  # two thirds of the width
    assert int(bucket.max()) - int(bucket.min()) > 245


def test_windows_go_from_one_end_to_the_other(tmp_path: Path) -> None:
    photo = stripes(tmp_path / "a.png")
    places = Framing(resolution=32, crops=3).places
    assert places == (0.0, 0.5, 1.0)
    means = [read_photo(photo, (32, 32), place)[..., 0].mean() for place in places]
    assert means == pytest.approx([42, 127.5, 213], abs=2)  # thirds of the stripes
    assert np.array_equal(read_photo(photo, (32, 32), 0.5), read_square(photo, 32))
    with Image.open(photo) as image:
        image.transpose(Image.Transpose.TRANSPOSE).save(tmp_path / "tall.png")
    tall = [read_photo(tmp_path / "tall.png", (32, 32), place)[..., 0].mean() for place in places]
    assert tall == pytest.approx(means)
    assert Framing(resolution=32).places == Framing(resolution=32, crops=1).places == (0.5,)


def test_the_framing_of_a_trial() -> None:
    train = Train(resolution=64, aspect_ratio_buckets=True, random_crops=4, random_flip=True)
    assert Framing.of(train) == Framing(resolution=64, buckets=True, crops=4, mirrored=True)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_that_lies_on_its_side_is_measured_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg", exif=exif)
    with Image.open(tmp_path / "a.jpg") as image:
        assert photo_size(tmp_path / "a.jpg") == ImageOps.exif_transpose(image).size


def test_a_photo_that_cannot_be_read_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_text("text")
    with pytest.raises(InputError, match=r"b\.png cannot be read \(not an image\)"):
        photo_size(tmp_path / "b.png")
