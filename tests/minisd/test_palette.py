"""Colours are mixed as painters of MiniSD's portraits ask, and what must be told apart is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbsweep.minisd.palette import CLOTH_RGB, luminance, mix, natural, shade, tint, vivid
from dbsweep.minisd.world import draw_sample

GREY = (100, 100, 100)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (mix((0, 100, 200), (100, 0, 200), 0.0), (0, 100, 200)),
        (mix((0, 100, 200), (100, 0, 200), 0.25), (25, 75, 200)),
        (mix((0, 100, 200), (100, 0, 200), 1.0), (100, 0, 200)),
        (tint(GREY, 1.0), (255, 255, 255)),
        (shade(GREY, 1.0), (24, 16, 44)),
        (vivid(GREY, 2.0, 1.0), GREY),  # grey has no saturation to multiply
        (vivid((200, 100, 100), 2.0, 1.0), (200, 0, 0)),
        (vivid((200, 100, 100), 1.0, 9.0), (255, 128, 128)),
    ],
)
def test_colours_are_mixed(made: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    assert made == expected


def test_green_is_the_brightest_of_the_three() -> None:
    red, green, blue = (luminance(rgb) for rgb in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))
    assert (red, green, blue) == pytest.approx((0.299, 0.587, 0.114))
    assert luminance((255, 255, 255)) == pytest.approx(1.0)


@pytest.mark.parametrize("shirt", CLOTH_RGB)
def test_trim_is_lighter_on_dark_cloth_and_darker_on_light(shirt: str) -> None:
    sample = draw_sample(0, 0)
    colours = natural(sample.subject, replace(sample.scene, shirt_colour=shirt))
    dark = luminance(colours["clothes"]) < 0.5
    assert colours["clothes"] == CLOTH_RGB[shirt]
    assert (luminance(colours["trim"]) > luminance(colours["clothes"])) is dark
