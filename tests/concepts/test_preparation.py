"""What becomes of a photo, told by its size alone: windows, names, and what tells pictures of other photos apart."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dbsweep.concepts.focus import FocusWeights
from dbsweep.concepts.mask_files import mask_file
from dbsweep.concepts.preparation import Crop, Job, Preparation, refuse_same_names
from dbsweep.errors import InputError


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """300×100."""
    Image.new("RGB", (300, 100), "red").save(tmp_path / "a.jpg")
    return tmp_path / "a.jpg"


def job(photo: Path, **asked: Any) -> Job:
    return Job.of(photo, Preparation(size=(64, 64), **asked))


@pytest.mark.parametrize(
    ("asked", "places", "whole", "size", "left_off"),
    [
        ({}, (0.5,), False, (64, 64), 2 / 3),
        ({"crop": Crop.FOCAL}, (None,), False, (64, 64), 2 / 3),
        ({"crop": Crop.NONE}, (0.5,), True, (192, 64), 0.0),
        ({"split": True, "overlap": 0.0}, (0.0, 0.5, 1.0), False, (64, 64), 0.0),
        ({"split": True, "overlap": 0.0, "crop": Crop.NONE}, (0.0, 0.5, 1.0), False, (64, 64), 0.0),
        ({"split": True, "threshold": 0.3, "crop": Crop.FOCAL}, (None,), False, (64, 64), 2 / 3),
        # Of 200×50 pixels, a third of the photo, the square in the middle is a quarter.
        ({"split": True, "crop": Crop.NONE, "boxes": {"a.jpg": (10, 20, 210, 70)}}, (0.5,), False, (64, 64), 11 / 12),
        ({"boxes": {"b.jpg": (0, 0, 9, 9)}}, (0.5,), False, (64, 64), 2 / 3),
    ],
    ids=str,
)
def test_its_windows_are_those_that_were_asked_for(
    photo: Path, asked: dict[str, Any], places: tuple[object, ...], whole: bool, size: tuple[int, int], left_off: float
) -> None:
    found = job(photo, **asked)
    assert (found.places, found.whole, found.size) == (places, whole, size)
    assert found.left_off == pytest.approx(left_off)


def test_a_square_has_no_focal_point(tmp_path: Path) -> None:
    Image.new("RGB", (100, 100)).save(tmp_path / "a.png")
    assert job(tmp_path / "a.png", crop=Crop.FOCAL).places == (0.5,)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["a.png"]),
        ({"flip": True}, ["a.png", "a-flipped.png"]),
        (
            {"split": True, "overlap": 0.0, "flip": True},
            ["a-1.png", "a-1-flipped.png", "a-2.png", "a-2-flipped.png", "a-3.png", "a-3-flipped.png"],
        ),
    ],
)
def test_pictures_are_named_after_their_photo(photo: Path, asked: dict[str, Any], names: list[str]) -> None:
    pieces = job(photo, **asked).pieces
    assert [piece.name for piece in pieces] == names
    assert [piece.flipped for piece in pieces] == ["flipped" in name for name in names]


def test_of_ten_pictures_names_sort_by_their_number(tmp_path: Path) -> None:
    Image.new("RGB", (1000, 100)).save(tmp_path / "a.png")
    names = [piece.name for piece in job(tmp_path / "a.png", split=True, overlap=0.0).pieces]
    assert (names[0], names[-1], len(names)) == ("a-01.png", "a-10.png", 10)
    assert names == sorted(names)


@pytest.mark.parametrize("box", [(0, 0, 301, 100), (0, 0, 300, 101), (5, 5, 5, 9), (5, 9, 9, 9), (-1, 0, 9, 9)])
def test_a_box_lies_in_its_photo(photo: Path, box: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError, match=r"^--box a\.jpg: .* does not lie in the photo, which has 300×100 pixels"):
        job(photo, boxes={"a.jpg": box})
    assert job(photo, boxes={"a.jpg": (0, 0, 300, 100)}).window == (300, 100)


@pytest.mark.parametrize(
    "changes",
    [
        {"size": (64, 72)},
        {"boxes": {"a.jpg": (0, 0, 50, 50)}},
        {"split": True},
        {"crop": Crop.FOCAL},
        {"crop": Crop.FOCAL, "detector": "abc"},
        {"crop": Crop.FOCAL, "focus": FocusWeights(1.0, 0.0)},
    ],
    ids=str,
)
def test_the_key_tells_apart_what_looks_different(photo: Path, changes: dict[str, Any]) -> None:
    plain = Preparation(size=(64, 64))
    keys = {Job.of(photo, dataclasses.replace(plain, **each)).key for each in ({}, {"crop": Crop.FOCAL}, changes)}
    assert len(keys) == (2 if changes == {"crop": Crop.FOCAL} else 3)


def test_the_key_is_of_photo_and_mask_and_not_of_what_changes_nothing(photo: Path, tmp_path: Path) -> None:
    before = job(photo).key
    assert job(photo, flip=True, detector="abc", focus=FocusWeights(1.0, 0.0)).key == before
    assert job(photo.rename(tmp_path / "b.jpg")).key == before
    Image.new("L", (300, 100), 255).save(mask_file(tmp_path / "b.jpg"))
    masked = job(tmp_path / "b.jpg").key
    Image.new("RGB", (300, 100), "blue").save(tmp_path / "b.jpg")
    assert len({before, masked, job(tmp_path / "b.jpg").key}) == 3


@pytest.mark.parametrize(("other", "asked"), [("A.png", {}), ("a-flipped.png", {"flip": True})])
def test_two_photos_do_not_become_one_picture(photo: Path, tmp_path: Path, other: str, asked: dict[str, Any]) -> None:
    """Nor on a disk to which large letters are small."""
    Image.new("RGB", (64, 64)).save(tmp_path / other)
    jobs = [job(photo, **asked), job(tmp_path / other, **asked)]
    with pytest.raises(InputError, match=rf"^a\.jpg and {other} would both become .*: rename one of them$"):
        refuse_same_names(jobs)
    refuse_same_names(jobs[:1])
