"""Infotext is A1111's to the letter, and comes back from files."""

from __future__ import annotations

import string
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dbsweep.errors import DbsweepError, InputError
from dbsweep.sampling.infotext import ImageInfo, format_info, parse_info, read, write_png
from dbsweep.sampling.request import Hires, ImageRequest
from dbsweep.sampling.schedulers import SAMPLERS
from dbsweep.sampling.upscalers import UPSCALERS

REQUEST = ImageRequest(
    "photo of (ohwx man:1.2), ink poster style",
    "blurry, low quality",
    seed=420420,
    guidance_scale=7.0,
    num_inference_steps=20,
    sampler="DPM++ 2M Karras",
    width=512,
    height=768,
)
FULL = ImageInfo(
    REQUEST, "6ce0161689", "v1-5, pruned", batch_size=4, batch_pos=2, clip_skip=2, extras={"Version": "v1.6.0"}
)
GOLDEN = (
    "photo of (ohwx man:1.2), ink poster style\n"
    "Negative prompt: blurry, low quality\n"
    "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 420420, Size: 512x768, Model hash: 6ce0161689, "
    'Model: "v1-5, pruned", Batch size: 4, Batch pos: 2, Clip skip: 2, Version: v1.6.0'
)


def test_the_text_is_a1111s() -> None:
    assert format_info(FULL) == GOLDEN
    assert parse_info(GOLDEN) == FULL


def test_what_says_nothing_is_left_out() -> None:
    text = format_info(ImageInfo(replace(REQUEST, negative_prompt="", guidance_scale=7.5)))
    assert text == (
        "photo of (ohwx man:1.2), ink poster style\n"
        "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 420420, Size: 512x768"
    )


def test_the_first_of_a_batch_says_its_place_and_words_stay_as_they_are() -> None:
    text = format_info(replace(FULL, batch_pos=0, model="münchen, v1"))
    assert 'Model: "münchen, v1", Batch size: 4, Batch pos: 0,' in text


def test_a_text_written_by_a1111_is_read() -> None:
    # As A1111 1.6 writes it, with a quoted value that holds commas and colons.
    info = parse_info(
        "a cat\nsecond line\nNegative prompt: dog,\nbird\n"
        "Steps: 28, Sampler: Euler a, CFG scale: 8.5, Seed: 3, Size: 640x512, Model hash: e3b0c44298, Model: anything, "
        'Denoising strength: 0.7, Lora hashes: "one: 1a2b, two: 3c4d", Hires upscale: 2, Version: v1.6.0'
    )
    request = ImageRequest("a cat\nsecond line", "dog,\nbird", 3, 8.5, 28, "Euler a", 640, 512, hires=Hires(2.0))
    assert info.request == request
    assert info.extras == {"Lora hashes": "one: 1a2b, two: 3c4d", "Version": "v1.6.0"}


SECOND_PASS = (
    "a cat\nSteps: 28, Sampler: Euler, CFG scale: 8, Seed: 3, Size: 640x512, Denoising strength: 0.55, Clip skip: 2, "
    "Tiling: True, Hires upscale: 1.5, Hires steps: 10, Hires upscaler: Latent (nearest)"
)


def test_tiling_and_a_second_pass_are_told_as_a1111_tells_them() -> None:
    hires = Hires(1.5, 10, 0.55, "Latent (nearest)")
    request = ImageRequest("a cat", "", 3, 8.0, 28, "Euler", 640, 512, tiling=True, hires=hires)
    assert format_info(ImageInfo(request, clip_skip=2)) == SECOND_PASS
    assert parse_info(SECOND_PASS) == ImageInfo(request, clip_skip=2)
    as_many = format_info(ImageInfo(replace(request, tiling=False, hires=replace(hires, steps=0))))
    assert "Hires steps" not in as_many
    assert "Tiling" not in as_many


def test_what_is_told_of_another_second_pass_stays_as_it_is_told() -> None:
    """A size in pixels in place of a scale, and the strength of what was drawn from a picture."""
    told = "Denoising strength: 0.55, Hires resize: 1024x1024, Hires upscaler: Latent"
    info = parse_info(f"a cat\nSteps: 28, Sampler: Euler, CFG scale: 8, Seed: 3, Size: 640x512, {told}")
    assert info.request.hires is None
    assert ", ".join(f"{key}: {value}" for key, value in info.extras.items()) == told


@pytest.mark.parametrize(
    ("written", "sampler", "extras"),
    [
        ("DPM++ 2M, Schedule type: Karras", "DPM++ 2M Karras", {}),  # since A1111 1.9
        ("DPM++ 2M Karras, Schedule type: Karras", "DPM++ 2M Karras", {"Schedule type": "Karras"}),
        ("Euler, Schedule type: Automatic", "Euler", {}),
        ("Euler, Schedule type: Exponential", "Euler", {"Schedule type": "Exponential"}),
    ],
)
def test_the_schedule_is_part_of_the_samplers_name(written: str, sampler: str, extras: dict[str, str]) -> None:
    info = parse_info(f"a cat\nSteps: 28, Sampler: {written}, CFG scale: 8.5, Seed: 3, Size: 640x512")
    assert (info.request.sampler, info.extras) == (sampler, extras)


LINE = st.text(alphabet=string.ascii_letters + string.digits + " ,.:()[]\"\\'<>é漢😀", max_size=30).map(str.strip)
PROMPT = (
    st.lists(LINE, min_size=1, max_size=3).map("\n".join).map(str.strip).filter(lambda t: "Negative prompt:" not in t)
)


@given(
    request=st.builds(
        ImageRequest,
        prompt=PROMPT,
        negative_prompt=PROMPT,
        seed=st.integers(0, 2**63 - 1),
        guidance_scale=st.floats(1, 1000, allow_nan=False),
        num_inference_steps=st.integers(1, 50),
        sampler=st.sampled_from(sorted(SAMPLERS)),
        width=st.integers(1, 512).map(lambda n: n * 8),
        height=st.integers(1, 512).map(lambda n: n * 8),
        tiling=st.booleans(),
        hires=st.none()
        | st.builds(
            Hires,
            scale=st.floats(1, 4),
            steps=st.integers(0, 50),
            denoising=st.floats(0.05, 1).filter(lambda denoising: denoising > 0.05),
            upscaler=st.sampled_from(UPSCALERS),
        ),
    ),
    model=LINE.filter(lambda text: not text.startswith('"')),
    batch=st.integers(2, 8),
)
def test_what_is_written_is_read(request: ImageRequest, model: str, batch: int) -> None:
    info = ImageInfo(request, "0123456789", model, batch_size=batch, batch_pos=batch - 1)
    assert parse_info(format_info(info)) == info


def test_a_png_keeps_pixels_and_settings(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    path = tmp_path / "a.png"
    settings = {"model": "münchen", "batch_size": 2, "batch_pos": 1, "clip_skip": 2, "extras": {"Version": "1"}}
    write_png(path, pixels, REQUEST, "6ce0161689", **settings)  # type: ignore[arg-type]
    assert read(path) == ImageInfo(REQUEST, "6ce0161689", **settings)  # type: ignore[arg-type]
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), pixels)
        assert str(image.info["parameters"]).startswith(REQUEST.prompt)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + GOLDEN.encode("utf-16-be"),
        b"UNICODE\0" + GOLDEN.encode("utf-16-le"),
        b"UNICODE\0\xff\xfe" + GOLDEN.encode("utf-16-le"),
        b"ASCII\0\0\0" + GOLDEN.encode() + b"\0",
    ],
    ids=["big-endian", "little-endian", "marked", "ASCII"],
)
def test_jpeg_and_webp_comments_are_read(tmp_path: Path, suffix: str, comment: bytes) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (8, 8)).save(path, exif=exif)
    assert read(path) == FULL


def test_files_without_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(path)
    with pytest.raises(InputError, match="holds no generation settings"):
        read(path)
    path.write_text("not an image")
    with pytest.raises(InputError, match="not an image that can be read"):
        read(path)
    with pytest.raises(InputError, match=r"missing\.png: no such file; check the path$"):
        read(tmp_path / "missing.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("just a prompt", "no generation settings"),
        ("a cat, mood: dark, light: low", "no generation settings"),
        ("a\nSteps: many, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64", "unreadable generation settings"),
        ("a\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64", "unreadable generation settings"),
    ],
)
def test_broken_texts_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_info(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"guidance_scale": 0.5}, "guidance_scale must be at least 1, got 0.5"),
        ({"guidance_scale": float("nan")}, "guidance_scale must be at least 1, got nan"),
        ({"guidance_scale": float("inf")}, "guidance_scale must be at least 1, got inf"),
        ({"num_inference_steps": 0}, "num_inference_steps must be between 1 and 1000, got 0"),
        ({"num_inference_steps": 1001}, "num_inference_steps must be between 1 and 1000, got 1001"),
        ({"seed": -1}, "seed must be between 0 and"),
        ({"seed": 2**63}, "seed must be between 0 and"),
        ({"width": 63}, "width must be a multiple of 8 pixels from 8 to 16,384, got 63"),
        ({"height": 0}, "height must be a multiple of 8 pixels from 8 to 16,384, got 0"),
        ({"height": 2**62}, "height must be a multiple of 8 pixels from 8 to 16,384, got 46116860184273879"),
    ],
)
def test_requests_that_cannot_be_drawn_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(DbsweepError, match=message):
        replace(REQUEST, **change)  # type: ignore[arg-type]
