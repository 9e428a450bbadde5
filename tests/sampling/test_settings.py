"""What several people say of a prompt: the nearest counts."""

from __future__ import annotations

import pytest

from dbsweep.errors import DbsweepError
from dbsweep.sampling.infotext import ImageInfo
from dbsweep.sampling.request import Hires, ImageRequest, Picture
from dbsweep.sampling.settings import DrawSettings, settings_of


def test_what_is_said_counts_before_what_others_say_empty_texts_and_zeros_too() -> None:
    mine, others = DrawSettings(negative_prompt="", seed=0), DrawSettings("blurry", 4, 20, sampler="Euler")
    assert mine.over(others) == DrawSettings("", 4, 0, sampler="Euler")


def test_image_i_has_seed_plus_i() -> None:
    settings = DrawSettings("blurry", 3, 7, 5.0, 2, "Euler a", 64, 72, clip_skip=2)
    assert settings.pictures("a") == [
        Picture(ImageRequest("a", "blurry", seed, 5.0, 2, "Euler a", 64, 72), 2) for seed in (7, 8, 9)
    ]


def test_a_picture_is_drawn_again_from_what_it_tells() -> None:
    info = ImageInfo(ImageRequest("a", "blurry", 7, 5.0, 2, "Euler a", 64, 72), "0123456789", clip_skip=2)
    assert settings_of(info).pictures("a") == [Picture(info.request, 2)]


def test_a_second_pass_and_tiling_are_asked_for_and_told() -> None:
    settings = DrawSettings(tiling=True, hires_scale=1.5, hires_steps=9, denoising=0.4, hires_upscaler="lanczos")
    (picture,) = settings.pictures("a")
    assert picture.request == ImageRequest("a", tiling=True, hires=Hires(1.5, 9, 0.4, "Lanczos"))
    assert settings_of(ImageInfo(picture.request)).pictures("a") == [picture]
    assert DrawSettings(hires_scale=2).pictures("a")[0].request.hires == Hires()


def test_what_is_said_of_no_second_pass_is_refused() -> None:
    with pytest.raises(DbsweepError, match="are those of a second pass: give a hires scale too"):
        DrawSettings(denoising=0.4).pictures("a")


def test_seeds_end_where_they_end() -> None:
    with pytest.raises(DbsweepError, match="seed must be between"):
        DrawSettings(images_per_prompt=2, seed=2**63 - 1).pictures("a")
