"""What one image is drawn from is checked when it is said, and what can be drawn at once is told."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from dbsweep.errors import DbsweepError
from dbsweep.sampling.request import Hires, ImageRequest, Picture


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"guidance_scale": 0.9}, "guidance_scale must be at least 1, got 0.9"),
        ({"guidance_scale": math.inf}, "guidance_scale must be at least 1, got inf"),
        ({"num_inference_steps": 0}, "num_inference_steps must be between 1 and 1000, got 0"),
        ({"num_inference_steps": 1001}, "num_inference_steps must be between 1 and 1000, got 1001"),
        ({"seed": -1}, r"seed must be between 0 and 2\^63 - 1, got -1"),
        ({"seed": 2**63}, r"seed must be between 0 and 2\^63 - 1"),
        ({"width": 0}, "width must be a multiple of 8 pixels from 8 to 16,384, got 0"),
        ({"height": 60}, "height must be a multiple of 8 pixels from 8 to 16,384, got 60"),
        ({"height": 16392}, "height must be a multiple of 8 pixels from 8 to 16,384, got 16392"),
        ({"hires": Hires(scale=32.1)}, "hires scale 32.1 makes a side longer than 16,384 pixels"),
        ({"width": 8, "hires": Hires(scale=32.1)}, "hires scale 32.1 makes a side longer than 16,384 pixels"),
        (
            {"hires": Hires(steps=100, denoising=0.05)},
            "100 hires steps at denoising 0.05 are the last of 2,000, and there are 1,000 at most: take fewer, or more",
        ),
    ],
    ids=str,
)
def test_a_number_out_of_its_range_is_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DbsweepError, match=f"^{message}"):
        ImageRequest("a", **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"guidance_scale": 1.0},
        {"num_inference_steps": 1000},
        {"seed": 2**63 - 1},
        {"width": 8, "height": 16384},
        {"hires": Hires(scale=32.0)},
        {"hires": Hires(steps=50, denoising=0.05)},
    ],
    ids=str,
)
def test_the_ends_of_each_range_are_in_it(changes: dict[str, Any]) -> None:
    assert replace(ImageRequest("a"), **changes) == ImageRequest("a", **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": 0.99}, "hires scale must be at least 1, got 0.99"),
        ({"scale": math.nan}, "hires scale must be at least 1, got nan"),
        ({"steps": -1}, "hires steps must be at least 0, got -1"),
        ({"denoising": 0.0}, "denoising must be above 0 and at most 1, got 0.0"),
        ({"denoising": 1.1}, "denoising must be above 0 and at most 1, got 1.1"),
    ],
)
def test_a_second_pass_is_checked_too(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DbsweepError, match=f"^{message}$"):
        Hires(**changes)


@pytest.mark.parametrize(
    ("hires", "first", "expected"),
    [
        (Hires(steps=0, denoising=0.5), 20, (20, 40)),  # as many as the first pass has
        (Hires(steps=10, denoising=0.5), 20, (10, 20)),
        (Hires(steps=10, denoising=0.7), 20, (10, 14)),  # 14.3
        (Hires(steps=1000, denoising=1.0), 20, (1000, 1001)),  # A1111 divides by 0.999 at most
    ],
)
def test_steps_of_a_second_pass_are_the_last_of_more(hires: Hires, first: int, expected: tuple[int, int]) -> None:
    assert hires.passes(first) == expected


@pytest.mark.parametrize(
    ("changes", "together"),
    [
        ({"prompt": "b", "negative_prompt": "c", "seed": 9, "guidance_scale": 3.0}, True),
        ({"sampler": "Euler"}, False),
        ({"num_inference_steps": 9}, False),
        ({"width": 64}, False),
        ({"height": 64}, False),
        ({"tiling": True}, False),
        ({"hires": Hires()}, False),
    ],
    ids=str,
)
def test_what_can_be_drawn_at_once(changes: dict[str, Any], together: bool) -> None:
    one = ImageRequest("a")
    assert (one.together == replace(one, **changes).together) is together


@pytest.mark.parametrize(("scale", "size"), [(None, (72, 64)), (1.0, (72, 64)), (1.3, (93, 83))])
def test_a_second_pass_makes_both_sides_longer(scale: float | None, size: tuple[int, int]) -> None:
    hires = None if scale is None else Hires(scale)
    assert ImageRequest("a", width=72, height=64, hires=hires).final_size == size


def test_guidance_acts_above_1() -> None:
    assert [ImageRequest("a", guidance_scale=scale).is_guided for scale in (1.0, 1.01)] == [False, True]


def test_no_layer_is_before_the_first() -> None:
    assert Picture(ImageRequest("a")).clip_skip == 1
    with pytest.raises(DbsweepError, match=r"^clip_skip must be at least 1, got 0$"):
        Picture(ImageRequest("a"), 0)
