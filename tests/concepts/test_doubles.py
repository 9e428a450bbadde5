"""Photos that are there twice are told of, whatever their names and formats."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from dbsweep.concepts.doubles import doubled_files, doubled_pixels, parted_pieces
from dbsweep.concepts.photos import check_photos
from dbsweep.concepts.preparation import Job, Preparation
from dbsweep.concepts.prepared import prepare
from dbsweep.config.concept import Concept
from tests.concepts.plain import plain_concept


def photo(path: Path, seed: int) -> Image.Image:
    path.parent.mkdir(exist_ok=True)
    image = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 12, 3), dtype=np.uint8))
    image.save(path)
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four photos that differ and are of one size."""
    for index in range(4):
        photo(tmp_path / "photos" / f"{index}.bmp", index)
    return tmp_path / "photos"


def told(given: Concept) -> tuple[str | None, str | None]:
    """By the files, and by the pixels."""
    folders = [given.instance_images, *([] if given.validation_images is None else [given.validation_images])]
    looks = check_photos(path for each in folders for path in each.iterdir())
    return doubled_files(given), doubled_pixels(given, looks)


def test_photos_that_differ_are_nothing_to_tell(folder: Path) -> None:
    assert told(plain_concept(folder)) == (None, None)


def test_a_copy_of_a_file_is_told_of_before_pixels_are_looked_at(folder: Path) -> None:
    shutil.copy(folder / "1.bmp", folder / "1 (1).bmp")
    assert told(plain_concept(folder)) == (
        "ohwx: the same photo is there as 1 (1).bmp and 1.bmp: it weighs more than the others; keep one of each",
        None,
    )


def test_the_same_pixels_in_another_file_are_told_of(folder: Path) -> None:
    with Image.open(folder / "2.bmp") as image:
        image.save(folder / "a.png")
        note = PngImagePlugin.PngInfo()
        note.add_text("Comment", "the same")
        image.save(folder / "b.png", pnginfo=note)
        ImageOps.mirror(image).save(folder / "mirrored.png")  # has the same colours, and is another photo
    files, pixels = told(plain_concept(folder))
    assert files is None
    assert str(pixels).startswith("ohwx: the same photo is there as 2.bmp and a.png and b.png: it weighs more")


def test_several_are_told_of_in_one_sentence(folder: Path) -> None:
    for index in range(4):
        shutil.copy(folder / f"{index}.bmp", folder / f"{index}b.bmp")
    assert doubled_files(plain_concept(folder)) == (
        "ohwx: the same photos are there as 0.bmp and 0b.bmp, as 1.bmp and 1b.bmp, as 2.bmp and 2b.bmp and 1 more: "
        "they weigh more than the others; keep one of each"
    )


def test_a_photo_that_is_held_out_and_trains_hides_memorisation(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "own")
    (tmp_path / "own" / "0.bmp").rename(tmp_path / "own" / "z.bmp")
    for name in ("1.bmp", "2.bmp", "3.bmp"):
        (tmp_path / "own" / name).unlink()
    sentence = doubled_files(plain_concept(folder, validation_images=tmp_path / "own"))
    assert sentence == (
        "ohwx: the same photo is there as 0.bmp and validation_images/z.bmp: it weighs more than the others, and what"
        " is held out under one name trains under another, which hides memorisation; keep one of each"
    )


def test_copies_that_are_all_held_out_hide_nothing(folder: Path, tmp_path: Path) -> None:
    photo(tmp_path / "own" / "a.bmp", 9)
    shutil.copy(tmp_path / "own" / "a.bmp", tmp_path / "own" / "b.bmp")
    sentence = doubled_files(plain_concept(folder, validation_images=tmp_path / "own"))
    assert str(sentence).endswith("it weighs more than the others; keep one of each")


def test_what_cannot_be_read_is_no_copy(folder: Path) -> None:
    for name in ("gone.png", "lost.png"):
        (folder / name).symlink_to(folder / "nowhere.png")
    assert doubled_files(plain_concept(folder)) is None


def prepared(folder: Path, out: Path, *, flip: bool) -> Path:
    out.mkdir()
    for path in sorted(folder.iterdir()):
        prepare(Job.of(path, Preparation(size=(32, 32), flip=flip)), out)
    return out


def test_a_mirrored_copy_that_is_held_out_while_its_photo_trains_is_told_of(folder: Path, tmp_path: Path) -> None:
    """Of 0-flipped, 0, 1-flipped, 1, … the third and the seventh are held out."""
    out = prepared(folder, tmp_path / "out", flip=True)
    message = parted_pieces(plain_concept(out, validation_photos=2))
    assert message is not None
    assert message.startswith(
        "ohwx: 2 pictures that are held out (1-flipped.png, 3-flipped.png) were made by `dbsweep photos` of the same"
        " photo as one that trains, by --split or --flip, which hides memorisation"
    )
    assert parted_pieces(plain_concept(out)) is None


def test_photos_that_are_prepared_one_by_one_may_be_held_out(folder: Path, tmp_path: Path) -> None:
    out = prepared(folder, tmp_path / "out", flip=False)
    assert parted_pieces(plain_concept(out, validation_photos=1)) is None
    assert parted_pieces(plain_concept(folder, validation_photos=1)) is None
