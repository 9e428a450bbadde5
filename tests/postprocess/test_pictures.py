"""What stays of a picture that is read and written: its side that is up, transparency, grey, infotext."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from dbsweep.concepts.photos import read_upright
from dbsweep.errors import InputError
from dbsweep.postprocess.pictures import made_from, read_picture, with_pixels, write_picture
from dbsweep.sampling.infotext import PNG_KEY, read
from tests.postprocess.small_models import noise

INFOTEXT = "photo of ohwx man\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 8x8"
DONE = {"Postprocess upscale by": "4", "Postprocess upscaler": "4x: mine", "GFPGAN visibility": "0.5"}


def rewritten(path: Path, out: Path) -> Image.Image:
    """Read, written with nothing done to it, and opened."""
    write_picture(out, read_picture(path), DONE, "abc")
    with Image.open(out) as image:
        image.load()
        return image


@pytest.mark.parametrize(
    ("mode", "kept"),
    [("RGB", "RGB"), ("RGBA", "RGBA"), ("L", "L"), ("LA", "LA"), ("1", "L"), ("I;16", "L"), ("P", "RGB"),
     ("CMYK", "RGB")],
)  # fmt: skip
def test_colours_grey_and_transparency_stay(mode: str, kept: str, tmp_path: Path) -> None:
    image = Image.fromarray(noise(6, 8))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L"), dtype=np.uint16) * 257)
    elif mode in ("RGBA", "LA"):
        image = image.convert(mode)
        image.putalpha(Image.fromarray(noise(6, 8, seed=1)[:, :, 0] | 1))  # none is wholly transparent
    else:
        image = image.convert(mode)
    source = tmp_path / f"a.{'tif' if mode == 'CMYK' else 'png'}"
    image.save(source)
    made = rewritten(source, tmp_path / "b.png")
    assert (made.mode, made.size) == (kept, (8, 6))
    if mode in ("I;16", "CMYK"):
        image = read_upright(source)
    assert np.array_equal(np.asarray(made.convert("RGBA"))[:, :, 3], np.asarray(image.convert("RGBA"))[:, :, 3])
    opaque = np.asarray(made.convert("RGBA"))[:, :, 3] == 255
    assert np.array_equal(np.asarray(made.convert("RGB"))[opaque], np.asarray(image.convert("RGB"))[opaque])


def test_what_is_transparent_has_the_colour_of_what_is_near(tmp_path: Path) -> None:
    """A model mixes it in: black there, as programs leave it, would be a dark rim."""
    layer = np.zeros((40, 40, 4), dtype=np.uint8)
    layer[:, 20:] = (200, 100, 50, 255)
    Image.fromarray(layer).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert picture.pixels[20, 18].tolist() == pytest.approx([200, 100, 50], abs=3)
    assert picture.pixels[20, 25].tolist() == [200, 100, 50]
    assert picture.alpha is not None
    assert picture.alpha[20, 18:22].tolist() == [0, 0, 255, 255]


def test_transparency_grows_with_the_picture(tmp_path: Path) -> None:
    layer = np.full((10, 10, 4), 255, dtype=np.uint8)
    layer[:, :5, 3] = 0
    Image.fromarray(layer).save(tmp_path / "a.png")
    large = with_pixels(read_picture(tmp_path / "a.png"), noise(40, 40))
    write_picture(tmp_path / "b.png", large, {}, "")
    with Image.open(tmp_path / "b.png") as image:
        alpha = np.asarray(image.getchannel("A"))
    assert alpha.shape == (40, 40)
    assert set(alpha[:, :10].ravel()) == {0}
    assert set(alpha[:, 30:].ravel()) == {255}


def test_it_stands_upright_and_is_not_turned_again(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(noise(6, 8)).save(tmp_path / "a.png", exif=exif)
    made = rewritten(tmp_path / "a.png", tmp_path / "b.png")
    assert made.size == (6, 8)
    assert 0x0112 not in made.getexif()
    assert np.array_equal(np.asarray(made), np.rot90(noise(6, 8), -1))


def test_colours_of_another_profile_become_srgb(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.fromarray(noise(6, 8)).save(tmp_path / "a.tif", icc_profile=profile)
    assert "icc_profile" not in rewritten(tmp_path / "a.tif", tmp_path / "b.png").info


def test_the_texts_of_a_png_stay_and_what_was_done_comes_beside_them(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text(PNG_KEY, INFOTEXT)
    text.add_text("workflow", '{"nodes": "é"}')
    text.add_text("postprocessing", "Postprocess upscale by: 2")
    Image.fromarray(noise(6, 8)).save(tmp_path / "a.png", pnginfo=text)
    made = rewritten(tmp_path / "a.png", tmp_path / "b.png")
    assert made.info == {
        PNG_KEY: INFOTEXT,
        "workflow": '{"nodes": "é"}',
        "postprocessing": 'Postprocess upscale by: 4, Postprocess upscaler: "4x: mine", GFPGAN visibility: 0.5',
        "dbsweep": "abc",
    }
    assert read(tmp_path / "b.png") == read(tmp_path / "a.png")


@pytest.mark.parametrize(("comment", "kept"), [(INFOTEXT, True), ("a camera's comment", False), ("", False)])
def test_the_infotext_of_a_jpeg_becomes_that_of_the_png(comment: str, kept: bool, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + comment.encode("utf-16-be")
    Image.fromarray(noise(6, 8)).save(tmp_path / "a.jpg", exif=exif)
    made = rewritten(tmp_path / "a.jpg", tmp_path / "b.png")
    assert made.info.get(PNG_KEY) == (INFOTEXT if kept else None)


def test_a_file_that_is_whole_tells_what_it_was_made_from(tmp_path: Path) -> None:
    Image.fromarray(noise(60, 80)).save(tmp_path / "a.png")
    rewritten(tmp_path / "a.png", tmp_path / "b.png")
    assert made_from(tmp_path / "b.png") == "abc"
    assert made_from(tmp_path / "a.png") == made_from(tmp_path / "nowhere.png") == ""
    content = bytearray((tmp_path / "b.png").read_bytes())
    content[-300] ^= 1
    (tmp_path / "b.png").write_bytes(content)
    assert made_from(tmp_path / "b.png") == ""


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    Image.fromarray(noise(60, 80)).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:2000])
    with pytest.raises(InputError, match=r"picture .*a\.png cannot be read \(.*truncated"):
        read_picture(tmp_path / "a.png")
