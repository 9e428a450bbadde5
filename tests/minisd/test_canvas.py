"""What is drawn on the canvas lies where its shape says, and image operations do what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from dbsweep.minisd.canvas import Canvas, grid, pixels, soft_noise, to_image, warp
from dbsweep.minisd.shapes import Shape

BLACK, WHITE, RED = (0, 0, 0), (255, 255, 255), (255, 0, 0)
SQUARE = np.array([[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]])


def test_an_area_is_filled_where_it_lies() -> None:
    canvas = Canvas(BLACK)
    canvas.draw(Shape("skin", SQUARE), RED)
    found = canvas.finish()
    assert found.shape == (64, 64, 3)
    assert found[32, 32].tolist() == [255, 0, 0]
    assert found[8, 32].tolist() == found[32, 60].tolist() == [0, 0, 0]
    assert np.mean(found[..., 0]) == pytest.approx(255 / 4, rel=0.05)


def test_what_is_half_transparent_lets_half_through() -> None:
    canvas = Canvas(WHITE)
    canvas.draw(Shape("skin", SQUARE), BLACK, alpha=128)
    assert canvas.finish()[32, 32] == pytest.approx([127, 127, 127], abs=1)


@pytest.mark.parametrize(("widen", "expected"), [(0.0, 0.1), (0.1, 0.2)])
def test_a_line_is_as_wide_as_it_says(widen: float, expected: float) -> None:
    canvas = Canvas(BLACK)
    canvas.draw(Shape("brow", np.array([[0.0, 0.5], [1.0, 0.5]]), width=0.1), WHITE, widen=widen)
    assert np.mean(canvas.finish()[:, 32, 0]) / 255 == pytest.approx(expected, abs=0.01)


def test_an_outline_is_closed_and_of_areas_alone() -> None:
    canvas = Canvas(BLACK)
    canvas.outline(Shape("brow", SQUARE, width=0.1), WHITE, 0.05)
    assert canvas.finish().max() == 0
    canvas.outline(Shape("skin", SQUARE), WHITE, 0.05)
    found = canvas.finish()[..., 0]
    sides = [found[32, 16], found[32, 48], found[16, 32], found[48, 32]]
    assert min(sides) > 200
    assert found[32, 32] == 0


def test_pixels_and_pictures_are_each_other() -> None:
    values = np.array([[[-5.0, 0.4, 0.6], [254.6, 255.0, 300.0]]])
    assert np.asarray(to_image(values)).tolist() == [[[0, 0, 1], [255, 255, 255]]]
    grey = np.array([[[10.0], [20.0]]])
    assert np.asarray(to_image(grey)).tolist() == [[[10, 10, 10], [20, 20, 20]]]
    assert pixels(to_image(grey)).shape == (1, 2, 3)
    assert pixels(to_image(grey).convert("L")).shape == (1, 2, 1)


def test_a_warp_fetches_from_beside_and_stops_at_the_border() -> None:
    x, _ = grid()
    values, none = x[..., None] * 64, np.zeros((64, 64), np.float32)
    assert warp(values, none, none)[:, :-1] == pytest.approx(values[:, :-1], abs=1e-3)
    moved = warp(values, none + 2.5, none)
    assert moved[:, :60] == pytest.approx(values[:, :60] + 2.5, abs=1e-3)
    assert moved[:, 63] == pytest.approx(values[:, 63], abs=0.01)


def test_noise_is_smooth_and_its_streams_own() -> None:
    clouds, grains = (soft_noise(np.random.default_rng(1), cells) for cells in (4, 32))
    assert clouds.shape == (64, 64)
    assert np.abs(np.diff(clouds)).mean() < np.abs(np.diff(grains)).mean() / 3
    assert np.array_equal(clouds, soft_noise(np.random.default_rng(1), 4))


def test_a_pixels_place_is_its_middle() -> None:
    x, y = grid()
    assert (x[0, 0], x[0, -1], y[-1, 0]) == (0.5 / 64, 63.5 / 64, 63.5 / 64)
    assert np.array_equal(x, y.T)
