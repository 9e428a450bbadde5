"""What many photos have in common is told with its figures and their names; what differs is not spoken of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from dbsweep.concepts.face import Face
from dbsweep.concepts.photos import list_photos
from dbsweep.concepts.variety import Look, lab, look_at, variety

MAN = Path(__file__).parents[2] / "experiments" / "data" / "ohwx_man"


def looks(count: int = 6) -> list[Look]:
    """Photos that have nothing in common."""
    rng = np.random.default_rng(0)
    return [
        Look(
            f"{index}.png",
            thumbnail=rng.uniform(0, 255, (16, 16)),
            lightness=30.0 + 8 * index,
            edges=np.full((3, 3), 20.0 * index),
            below=np.full(3, -20.0 * index),
            day=f"2024-05-0{index + 1}",
            face=0.1 + 0.1 * index,
            turn=0.1 * index,
        )
        for index in range(count)
    ]


def changed(*indices: int, **values: object) -> list[str]:
    """What is said where some photos have the same values."""
    return list(variety([replace(look, **values) if i in indices else look for i, look in enumerate(looks())]))  # type: ignore[arg-type]


def taken(date: str) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.DateTimeOriginal: date}
    return exif


def test_photos_that_have_nothing_in_common_are_not_spoken_of() -> None:
    assert changed() == []
    assert list(variety([look_at(path) for path in list_photos(MAN)])) == []


def test_one_photo_is_not_spoken_of() -> None:
    assert list(variety(looks(1))) == []


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),  # Lindbloom's calculator has these of sRGB
        ((0, 0, 255), (32.30, 79.19, -107.86)),
    ],
)
def test_colours_are_lab(colour: tuple[int, int, int], expected: tuple[float, float, float]) -> None:
    assert lab(np.array(colour, dtype=np.uint8)) == pytest.approx(expected, abs=0.05)


def test_a_photo_is_measured_where_it_is_said(tmp_path: Path) -> None:
    photo = Image.new("RGB", (320, 640), "white")
    photo.paste("red", (0, 0, 40, 480))
    photo.paste("black", (280, 0, 320, 480))
    photo.paste("blue", (80, 480, 240, 640))
    photo.save(tmp_path / "a.png", exif=taken("2024:05:03 17:20:11"))
    face = Face(0, 0, 80, 160, ((20, 0), (40, 0)), (35, 10))
    look = look_at(tmp_path / "a.png", lambda _: [face])
    assert look.edges[0] == pytest.approx((53.24, 80.09, 67.20), abs=0.05)
    assert look.edges[2] == pytest.approx((0, 0, 0), abs=0.05)
    # Above: an eighth is red, an eighth black, and the rest white.
    assert look.edges[1][0] == pytest.approx((53.24 + 0 + 6 * 100) / 8, abs=0.05)
    assert look.below == pytest.approx((32.30, 79.19, -107.86), abs=0.05)
    assert (look.day, look.face, look.turn) == ("2024-05-03", 0.25, 0.25)
    Image.new("RGB", (4, 4)).save(tmp_path / "b.png")
    assert (look_at(tmp_path / "b.png").day, look_at(tmp_path / "b.png").face) == (None, None)


@pytest.mark.parametrize("date", ["0000:00:00 00:00:00", "    :  :     :  :  ", ""])
def test_a_camera_without_a_clock_tells_no_day(tmp_path: Path, date: str) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.jpg", exif=taken(date))
    assert look_at(tmp_path / "a.jpg").day is None


@pytest.mark.parametrize("mirrored", [False, True])
def test_shots_of_one_moment_are_told(tmp_path: Path, mirrored: bool) -> None:
    """A photo moved by 1% of its side, as the next of a series is."""
    large = Image.open(MAN / "photo_05.png").convert("RGB").resize((1000, 1000))
    large.crop((0, 0, 900, 900)).save(tmp_path / "a.png")
    moved = large.crop((9, 5, 909, 905))
    (ImageOps.mirror(moved) if mirrored else moved).save(tmp_path / "b.jpg")
    photos = [*sorted(tmp_path.iterdir()), MAN / "photo_01.png"]
    (told,) = [line for line in variety([look_at(path) for path in photos]) if "much the same" in line]
    mirror = ", seen in a mirror," if mirrored else ""
    assert told.startswith(f"b.jpg and a.png{mirror} are much the same at 16×16 grey pixels (correlation 0.9")


def test_a_series_is_told_once() -> None:
    (told,) = changed(1, 3, 5, thumbnail=np.arange(256.0).reshape(16, 16))
    assert told.startswith("3.png, 5.png and 1.png are much the same at 16×16 grey pixels (correlation 1.00 or more")


def test_pictures_without_contrast_are_not_called_the_same() -> None:
    assert changed(1, 3, 5, thumbnail=np.full((16, 16), 7.0)) == []


def test_one_background_is_told_with_its_photos() -> None:
    (told,) = changed(0, 2, 4, edges=np.full((3, 3), 300.0))
    assert told.startswith(
        "3 of 6 photos have about the same colours at their edges (left, above, right): within 0.0 of 0.png (ΔE, of"
        " which 2.3 is just seen) are 2.png, 4.png; the background is learned with the subject"
    )
    assert changed(0, 2, edges=np.full((3, 3), 300.0)) == [], "two are no rule"


def test_one_edge_that_differs_is_another_background() -> None:
    photos = [
        replace(look, edges=np.array([[50.0, 0, 0], [50.0, 0, 0], [50.0 + 11 * i, 0, 0]]))
        for i, look in enumerate(looks())
    ]
    assert list(variety(photos)) == []
    near = [
        replace(look, edges=np.array([[50.0, 0, 0], [50.0, 0, 0], [50.0 + 4 * i, 0, 0]]))
        for i, look in enumerate(looks())
    ]
    (told,) = variety(near)
    assert told.startswith("5 of 6 photos")
    assert "within 8.0 of 2.png" in told


def test_one_set_of_clothes_is_told() -> None:
    (told,) = changed(1, 2, 3, 5, below=np.array([90.0, 90.0, 90.0]))
    assert told.startswith(
        "4 of 6 photos have about the same colours in the middle of their lowest quarter: within 0.0"
    )
    assert "are 2.png, 3.png, 5.png; if these are clothes" in told


def test_one_light_is_told() -> None:
    photos = [replace(look, lightness=50.0 + index) for index, look in enumerate(looks())]
    (told,) = variety(photos)
    assert told == (
        "all 6 photos are about equally bright: lightness 50 (0.png) to 55 (5.png) of 100; take some in other light"
    )
    assert list(variety(photos[:3])) == [], "of three nothing is said"


def test_one_day_is_told() -> None:
    (told,) = changed(0, 1, 4, day="2024-05-03")  # 2.png is of that day too
    assert told.startswith("4 of 6 photos were taken on 2024-05-03 by their EXIF (0.png, 1.png, 2.png, 4.png): what")
    assert changed(0, 1, 2, 3, 4, 5, day=None) == []


def test_faces_of_one_size_and_from_the_front_are_told() -> None:
    photos = looks()
    one_size = [replace(look, face=0.4 + 0.01 * index) for index, look in enumerate(photos)]
    (told,) = variety(one_size)
    assert told.startswith("in all 6 photos with a face it is about as large: 40% of the height (0.png) to 45% (5.png)")
    frontal = [replace(look, turn=-0.02 * index) for index, look in enumerate(photos)]
    (told,) = variety(frontal)
    assert (
        "it is seen from the front: the nose is at most 0.10 of the eyes' distance beside their middle (5.png)" in told
    )
    assert list(variety([replace(look, face=None, turn=None) for look in one_size])) == []
