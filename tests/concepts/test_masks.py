"""Masks are read from transparency or from beside the photo, and are cut exactly as the photo is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image

from dbsweep.concepts.framing import Framing
from dbsweep.concepts.masks import cut_mask, read_mask
from dbsweep.concepts.photos import read_photo
from dbsweep.errors import InputError
from dbsweep.plan.buckets import Size

SIZE = (96, 64)


def blob(size: Size = SIZE, box: tuple[int, int, int, int] = (48, 16, 64, 40)) -> Image.Image:
    """A white rectangle on black, right of the middle and above it."""
    mask = Image.new("L", size, 0)
    mask.paste(255, box)
    return mask


def photo(path: Path, size: Size = SIZE) -> Path:
    Image.effect_noise(size, 60).convert("RGB").save(path)
    return path


def masked(folder: Path, mask: Image.Image, **options: object) -> Path:
    """A photo with a mask beside it."""
    mask.save(folder / "a-masklabel.png", **options)  # type: ignore[arg-type]
    return photo(folder / "a.png")


def pixels(mask: Image.Image | None) -> npt.NDArray[np.uint8]:
    assert mask is not None
    assert mask.mode == "L"
    return np.asarray(mask)


def test_a_photo_without_either_has_none(tmp_path: Path) -> None:
    assert read_mask(photo(tmp_path / "a.jpg")) is None
    assert (cut_mask(tmp_path / "a.jpg", None, (64, 32), factor=8) == np.ones((4, 8))).all()


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "I;16"])
def test_a_grey_picture_in_any_mode(tmp_path: Path, mode: str) -> None:
    grey = np.asarray(blob())
    deep = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else blob().convert(mode)
    assert (pixels(read_mask(masked(tmp_path, deep))) == grey).all()


def test_grey_counts_in_part(tmp_path: Path) -> None:
    path = masked(tmp_path, Image.new("L", SIZE, 51))
    assert cut_mask(path, read_mask(path), (8, 8)) == pytest.approx(0.2)


@pytest.mark.parametrize("under", [(255, 255, 255, 0), (0, 0, 0, 0)], ids=["white", "black"])
def test_what_is_transparent_in_a_mask_is_no_subject(tmp_path: Path, under: tuple[int, ...]) -> None:
    mask = Image.new("RGBA", SIZE, under)
    mask.paste((255, 255, 255, 255), (48, 16, 64, 40))
    assert (pixels(read_mask(masked(tmp_path, mask))) == np.asarray(blob())).all()


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P"])
def test_the_transparency_of_a_photo_is_its_mask(tmp_path: Path, kind: str) -> None:
    path, alpha = tmp_path / "a.png", np.asarray(blob())
    if kind == "P":
        Image.fromarray(alpha // 255 * 3).convert("P").save(path, transparency=0)
    else:
        image = Image.effect_noise(SIZE, 60).convert(kind)
        image.putalpha(blob())
        image.save(path)
    Image.new("L", SIZE, 255).save(tmp_path / "a-masklabel.png")  # of the two its own counts
    assert (pixels(read_mask(path)) == alpha).all()


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_photo_that_is_opaque_all_over_takes_the_mask_beside_it(tmp_path: Path, name: str) -> None:
    image = Image.effect_noise(SIZE, 60).convert("RGBA" if name == "a.png" else "RGB")
    image.save(tmp_path / name)
    assert read_mask(tmp_path / name) is None
    blob().save(tmp_path / "a-masklabel.png")
    assert (pixels(read_mask(tmp_path / name)) == np.asarray(blob())).all()


def test_a_photo_that_lies_is_masked_as_it_stands(tmp_path: Path) -> None:
    """Stored lying, as a phone does; masks are painted on what one sees."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.effect_noise(SIZE, 60).convert("RGB").save(tmp_path / "a.jpg", exif=exif)
    standing = blob((64, 96))
    standing.save(tmp_path / "a-masklabel.png")
    assert (pixels(read_mask(tmp_path / "a.jpg")) == np.asarray(standing)).all()
    lying = standing.transpose(Image.Transpose.ROTATE_90)
    lying.save(tmp_path / "a-masklabel.png", exif=exif)  # a mask turns by a tag of its own
    assert (pixels(read_mask(tmp_path / "a.jpg")) == np.asarray(standing)).all()
    cut_out = Image.effect_noise(SIZE, 60).convert("RGBA")
    cut_out.putalpha(lying)
    cut_out.save(tmp_path / "b.png", exif=exif)
    assert (pixels(read_mask(tmp_path / "b.png")) == np.asarray(standing)).all()


@pytest.mark.parametrize("size", [SIZE, (300, 64), (64, 101), (20, 12)], ids=["wide", "very wide", "tall", "too small"])
@pytest.mark.parametrize(
    "framing",
    [Framing(resolution=64), Framing(resolution=64, buckets=True), Framing(resolution=64, crops=3)],
    ids=["square", "bucket", "windows"],
)
def test_a_mask_goes_the_way_of_its_photo(tmp_path: Path, size: Size, framing: Framing) -> None:
    """Drawn as a photo, a smooth mask is cut to the same pixels, of which latents are the means."""
    ramp = Image.linear_gradient("L").rotate(30).resize(size, Image.Resampling.BICUBIC)
    ramp.save(tmp_path / "a-masklabel.png")
    ramp.convert("RGB").save(tmp_path / "a.bmp")
    mask, (width, height) = read_mask(tmp_path / "a.bmp"), framing.cut(size)
    for place in framing.places:
        seen = read_photo(tmp_path / "a.bmp", (width, height), place)[..., 0] / 255.0
        means = seen.reshape(height // 8, 8, width // 8, 8).mean(axis=(1, 3))
        found = cut_mask(tmp_path / "a.bmp", mask, (width, height), place, factor=8)
        assert found.dtype == np.float32
        assert np.abs(found - means).mean() < 0.03
        if len(framing.places) > 1 and min(size) > 12:
            other = cut_mask(tmp_path / "a.bmp", mask, (width, height), 1.0 - place, factor=8)
            assert place == 0.5 or np.abs(other - means).mean() > 0.05


def test_a_latent_pixel_is_the_mean_of_its_area(tmp_path: Path) -> None:
    path = masked(tmp_path, blob(box=(48, 16, 52, 18)))
    found = cut_mask(path, read_mask(path), (96, 64), factor=8)
    assert found.shape == (8, 12)
    assert found[2, 6] == pytest.approx(4 * 2 / 64)
    assert np.count_nonzero(found) == 1


def test_a_subject_of_one_pixel_is_not_rounded_away(tmp_path: Path) -> None:
    path = masked(tmp_path, blob(box=(48, 16, 49, 17)))
    assert cut_mask(path, read_mask(path), (3, 2)).max() == pytest.approx(1 / 32**2)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (
            blob((64, 96)),
            r"mask .*a-masklabel\.png has 64×96 pixels and photo a\.png, upright, 96×64: make the mask as",
        ),
        (blob((48, 32)), r"has 48×32 pixels and photo a\.png"),
        (Image.new("L", SIZE, 0), r"mask .*a-masklabel\.png is black all over: paint the subject white, or remove it"),
        (Image.new("I;16", SIZE, 7), r"is black all over"),
    ],
    ids=["lying", "smaller", "black", "nearly black"],
)
def test_a_mask_that_cannot_be_used_is_named(tmp_path: Path, mask: Image.Image, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_mask(masked(tmp_path, mask))


def test_a_mask_that_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a-masklabel.png").write_text("text")
    with pytest.raises(InputError, match=r"^mask .*a-masklabel\.png cannot be read \(not an image\)"):
        read_mask(photo(tmp_path / "a.png"))


def test_a_photo_that_is_transparent_all_over_is_named(tmp_path: Path) -> None:
    Image.new("RGBA", SIZE, (9, 9, 9, 0)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"photo .*a\.png is transparent all over: leave the subject in it"):
        read_mask(tmp_path / "a.png")


def test_a_subject_that_the_crop_leaves_off_is_an_error(tmp_path: Path) -> None:
    path = masked(tmp_path, blob(box=(0, 0, 8, 64)))
    mask, message = read_mask(path), r"a\.png shows nothing of what its mask leaves when it is cut to a square: crop it"
    with pytest.raises(InputError, match=f"{message} by hand, or set train"):
        cut_mask(path, mask, (8, 8))
    with pytest.raises(InputError, match=rf"{message} by hand, lower train\.random_crops, or set train"):
        cut_mask(path, mask, (8, 8), 1.0)
    assert cut_mask(path, mask, (8, 8), 0.0).any()
    assert cut_mask(path, mask, (12, 8)).any()
