"""HEIC is read as any other photo where its extra is installed, and told of where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from dbsweep.concepts import heic
from dbsweep.concepts.photos import check_photos, list_photos, photo_size, read_square
from dbsweep.errors import InputError

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
"""How such a file begins."""

with_extra = pytest.mark.skipif(not heic.reads_heic(), reason="needs the extra heic")


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heic, "reads_heic", lambda: False)


def save(path: Path, image: Image.Image, **how: Any) -> Path:
    """Writes a picture, after which Pillow reads none of its kind, as in a process that begins."""
    heic.reads_heic()
    image.save(path, "HEIF", quality=100, **how)
    Image.ID.remove("HEIF")
    heic.reads_heic.cache_clear()
    return path


@with_extra
def test_they_are_listed_among_the_others_but_for_those_that_were_converted(tmp_path: Path) -> None:
    for name in ("a.HEIC", "b.png", "c.heif", "d.heic", "d.JPG"):
        (tmp_path / name).touch()
    assert [path.name for path in list_photos(tmp_path)] == ["a.HEIC", "b.png", "c.heif", "d.JPG"]


@with_extra
@pytest.mark.parametrize("name", ["a.heic", "a.jpg"])  # some programs only change the name
def test_they_are_read_upright(tmp_path: Path, name: str) -> None:
    shot = Image.linear_gradient("L").resize((40, 20)).convert("RGB")  # dark above
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: a quarter turn to the right
    path = save(tmp_path / name, shot, exif=exif.tobytes())
    check_photos([path])
    assert photo_size(path) == (20, 40)
    square = read_square(path, 16).astype(int)
    assert square[:, 0].min() > 200
    assert square[:, -1].max() < 50


@with_extra
def test_their_colours_are_what_the_profile_means(tmp_path: Path) -> None:
    """A profile in which red and green have changed places."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"____").replace(b"gXYZ", b"rXYZ").replace(b"____", b"gXYZ")
    path = save(tmp_path / "a.heic", Image.new("RGB", (16, 16), (200, 30, 40)), icc_profile=swapped)
    assert np.abs(read_square(path, 4)[0, 0] - np.array([30, 200, 40])).max() <= 5


P3_TO_SRGB = np.array([[1.22494, -0.22494, 0.0], [-0.04206, 1.04206, 0.0], [-0.01964, -0.07864, 1.09828]])
"""Of linear light: the matrix of CSS Color 4's conversion."""

P3, BT2020, BT709, BT601 = 12, 9, 1, 6
SRGB_CURVE, PQ = 13, 16
"""Code points of ITU-T H.273."""


def linear(encoded: np.ndarray) -> np.ndarray:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@with_extra
@pytest.mark.parametrize("colour", [(180, 90, 80), (90, 160, 100), (128, 128, 128), (255, 255, 255)])
def test_their_colours_are_what_code_points_mean_where_there_is_no_profile(
    tmp_path: Path, colour: tuple[int, int, int]
) -> None:
    """As phones may write Display P3; of its primaries and sRGB's curve."""
    picture = Image.new("RGB", (16, 16), colour)
    path = save(tmp_path / "a.heic", picture, color_primaries=P3, transfer_characteristics=SRGB_CURVE)
    expected = 255 * encoded(P3_TO_SRGB @ linear(np.array(colour) / 255))
    assert np.abs(read_square(path, 4)[0, 0] - expected).max() <= 2


@with_extra
@pytest.mark.parametrize(
    ("primaries", "curve"), [(BT709, SRGB_CURVE), (BT601, SRGB_CURVE), (BT709, 1), (2, 2), (BT2020, PQ)]
)
def test_other_code_points_change_nothing(tmp_path: Path, primaries: int, curve: int) -> None:
    picture = Image.new("RGB", (16, 16), (180, 90, 80))
    path = save(tmp_path / "a.heic", picture, color_primaries=primaries, transfer_characteristics=curve)
    assert np.abs(read_square(path, 4)[0, 0] - np.array((180, 90, 80))).max() <= 2


@with_extra
def test_a_profile_counts_before_code_points(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = save(
        tmp_path / "a.heic",
        Image.new("RGB", (16, 16), (180, 90, 80)),
        icc_profile=srgb,
        color_primaries=P3,
        transfer_characteristics=SRGB_CURVE,
    )
    assert np.abs(read_square(path, 4)[0, 0] - np.array((180, 90, 80))).max() <= 2


@with_extra
def test_one_that_is_damaged_is_named(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.heic", Image.linear_gradient("L").convert("RGB")).read_bytes()
    (tmp_path / "a.heic").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"photo .*a\.heic cannot be read \(.*end of file"):
        check_photos([tmp_path / "a.heic"])


@pytest.mark.usefixtures("without_extra")
@pytest.mark.parametrize("name", ["a.heic", "a.jpg"])
def test_without_the_extra_it_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(HEIC)
    with pytest.raises(
        InputError, match=rf"{name} cannot be read \(HEIC; convert it, or pip install 'dbsweep\[heic\]'\)"
    ):
        check_photos([tmp_path / name])
