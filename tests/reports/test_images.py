"""Pictures embedded: pixels kept, missing files shown, large files thumbnailed and copied."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from dbsweep.reports.images import GAP, THUMBNAIL, Album, read_image
from dbsweep.reports.pictures import Picture


def opened(path: Path) -> Image.Image:
    """An image as RGB, its file closed again."""
    with Image.open(path) as image:
        return image.convert("RGB")


def drawn(path: Path, side: int, seed: int = 0) -> Path:
    """A file of noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def decoded(uri: str) -> Image.Image:
    """The image in a data URI."""
    head, body = uri.split(",", 1)
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


def test_small_precious_images_keep_every_pixel(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.png", 64)
    embedded = Album(tmp_path).embed(Picture((path,), "", ""), precious=True)
    assert np.array_equal(np.asarray(decoded(embedded.uri).convert("RGB")), np.asarray(opened(path)))
    assert embedded.pixelated
    assert embedded.originals == ()


def test_seeds_stand_side_by_side(tmp_path: Path) -> None:
    paths = tuple(drawn(tmp_path / f"{i}.png", 64, i) for i in range(3))
    embedded = Album(tmp_path).embed(Picture(paths, "", ""), precious=True)
    sheet = np.asarray(decoded(embedded.uri))
    assert (embedded.width, embedded.height, embedded.count) == (64, 64, 3)
    assert (embedded.sheet_width, embedded.zoom) == (sheet.shape[1], 4)
    for i, path in enumerate(paths):
        left = i * (64 + GAP)
        assert np.array_equal(sheet[:, left : left + 64, :3], np.asarray(opened(path)))
    assert (sheet[:, 64 : 64 + GAP, 3] == 0).all()


def test_a_missing_seed_is_crossed_out_and_named(tmp_path: Path) -> None:
    present = drawn(tmp_path / "a.png", 64)
    embedded = Album(tmp_path).embed(Picture((tmp_path / "gone.png", present), "", ""))
    assert embedded.missing == ("gone.png",)
    assert decoded(embedded.uri).size == (2 * 64 + GAP, 64)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_unreadable_files_are_missing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    assert read_image(path) is None
    embedded = Album(tmp_path).embed(Picture((path,), "", ""))
    assert (embedded.uri, embedded.missing) == ("", ("broken.png",))


def test_truncated_and_oversized_images_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drawn(tmp_path / "a.png", 64)
    path.write_bytes(path.read_bytes()[:2000])
    assert read_image(path) is None
    whole = drawn(tmp_path / "b.png", 64)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64 - 1)
    assert read_image(whole) is None


def test_large_images_are_embedded_small_and_their_originals_copied_once(tmp_path: Path) -> None:
    path = drawn(tmp_path / "big.png", 512)
    album = Album(tmp_path / "report")
    picture = Picture((path,), "", "")
    first, second = album.embed(picture, precious=True), album.embed(picture, precious=True)
    assert decoded(first.uri).size == (THUMBNAIL, THUMBNAIL)
    assert not first.pixelated
    assert first.originals == second.originals == ("images/0001.png",)
    assert (tmp_path / "report/images/0001.png").read_bytes() == path.read_bytes()
    assert len(list((tmp_path / "report/images").iterdir())) == 1


@pytest.mark.parametrize("name", ["big.TIF", "big.jpg"])
def test_of_a_photo_a_jpeg_that_does_not_tell_where_it_was_taken_lies_beside_the_page(
    name: str, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "our garden"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    with Image.open(drawn(tmp_path / "big.png", 512)) as image:
        image.save(tmp_path / name, exif=exif)
    embedded = Album(tmp_path / "report").embed(Picture((tmp_path / name,), "", ""), precious=True)
    assert embedded.originals == ("images/0001.jpg",)
    with Image.open(tmp_path / "report" / "images" / "0001.jpg") as beside:
        assert (beside.format, beside.size, dict(beside.getexif())) == ("JPEG", (512, 512), {})


def test_film_strips_copy_no_originals(tmp_path: Path) -> None:
    album = Album(tmp_path / "report")
    assert album.embed(Picture((drawn(tmp_path / "big.png", 512),), "", "")).originals == ()
    assert not (tmp_path / "report").exists()


def test_photos_are_turned_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: the camera was held upright
    image.save(tmp_path / "photo.jpg", exif=exif)
    upright = read_image(tmp_path / "photo.jpg")
    assert upright is not None
    assert upright.size == (20, 40)


@pytest.mark.parametrize(("side", "large"), [(THUMBNAIL, False), (THUMBNAIL + 1, True)])
def test_what_the_page_holds_whole_needs_no_original(side: int, large: bool, tmp_path: Path) -> None:
    embedded = Album(tmp_path / "report").embed(Picture((drawn(tmp_path / "a.png", side),), "", ""), precious=True)
    assert bool(embedded.originals) is large


@pytest.mark.parametrize(("side", "hard"), [(128, True), (129, False)])
def test_small_pictures_are_enlarged_with_hard_edges(side: int, hard: bool, tmp_path: Path) -> None:
    embedded = Album(tmp_path).embed(Picture((drawn(tmp_path / "a.png", side),), "", ""))
    assert embedded.pixelated is hard


def test_seeds_of_another_size_are_fitted_into_their_place(tmp_path: Path) -> None:
    paths = (drawn(tmp_path / "a.png", 64), drawn(tmp_path / "b.png", 96, 1), drawn(tmp_path / "c.png", 64, 2))
    sheet = decoded(Album(tmp_path).embed(Picture(paths, "", ""), precious=True).uri)
    assert sheet.size == (3 * 64 + 2 * GAP, 64)
    gap = np.asarray(sheet)[:, 2 * 64 + GAP : 2 * (64 + GAP), 3]
    assert (gap == 0).all()
