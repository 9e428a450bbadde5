"""Drawing shapes on a supersampled canvas, and the small image operations that styles share."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dbsweep.minisd.palette import Rgb
from dbsweep.minisd.shapes import Points, Shape

SIZE: Final = 64
"""Width and height of a finished image in pixels."""
CANVAS: Final = 256
"""Width and height of the canvas that shapes are drawn on, in pixels."""

Pixels = NDArray[np.floating[Any]]
"""(height, width, 3) or (height, width, 1) floats, 0 to 255."""


def _xy(points: Points) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points * CANVAS]


class Canvas:
    """An image that shapes are drawn on; colours may carry an alpha."""

    def __init__(self, background: Rgb | Image.Image) -> None:
        """Start from one colour, or from an image of the canvas size."""
        size = (CANVAS, CANVAS)
        self.image = background if isinstance(background, Image.Image) else Image.new("RGB", size, background)
        self._draw = ImageDraw.Draw(self.image, "RGBA")

    def draw(self, shape: Shape, rgb: Rgb, alpha: int = 255, widen: float = 0.0) -> None:
        """Fill an area or stroke a line; `widen` adds to a line's width, in unit-canvas widths."""
        if shape.width == 0:
            self._draw.polygon(_xy(shape.points), fill=(*rgb, alpha))
        else:
            self.stroke(shape.points, rgb, shape.width + widen, alpha)

    def outline(self, shape: Shape, rgb: Rgb, width: float, alpha: int = 255) -> None:
        """Stroke the closed border of an area with a line `width` wide, in unit-canvas widths."""
        if shape.width == 0:
            self.stroke(np.concatenate([shape.points, shape.points[:2]]), rgb, width, alpha)

    def stroke(self, points: Points, rgb: Rgb, width: float, alpha: int = 255) -> None:
        """Draw an open line with round joints and ends."""
        xy, pixels = _xy(points), max(1, round(width * CANVAS))
        self._draw.line(xy, fill=(*rgb, alpha), width=pixels, joint="curve")
        if alpha == 255 and pixels > 3:
            r = pixels / 2 - 0.5
            for x, y in (xy[0], xy[-1]):
                self._draw.ellipse((x - r, y - r, x + r, y + r), fill=rgb)

    def finish(self, size: int = SIZE) -> Pixels:
        """Return the canvas scaled down to `size` pixels by area."""
        return pixels(self.image.reduce(CANVAS // size))


def pixels(image: Image.Image) -> Pixels:
    """Return an image as float32 pixels."""
    array = np.asarray(image, dtype=np.float32)
    return array if array.ndim == 3 else array[..., None]


def to_image(values: Pixels) -> Image.Image:
    """Return pixels as an RGB image, clipped and rounded."""
    rgb = np.broadcast_to(values, (*values.shape[:2], 3))
    return Image.fromarray(np.clip(rgb + 0.5, 0, 255).astype(np.uint8))


def soft_noise(rng: np.random.Generator, cells: int, size: int = SIZE) -> NDArray[np.float32]:
    """Return smooth noise.

    Args:
        rng: the style's random stream.
        cells: knots along each side; few are cloudy, many are grainy.
        size: width and height of the result.

    Returns:
        (size, size) float32, about -1 to 1.
    """
    knots = Image.fromarray(rng.uniform(-1, 1, (cells, cells)).astype(np.float32))
    return np.asarray(knots.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32)


def warp(values: Pixels, dx: NDArray[np.float32], dy: NDArray[np.float32]) -> Pixels:
    """Return pixels fetched from (x + dx, y + dy) by bilinear interpolation, clamped at the border."""
    size = values.shape[0]
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float32)
    x, y = np.clip(xs + dx, 0, size - 1.001), np.clip(ys + dy, 0, size - 1.001)
    x0, y0 = x.astype(int), y.astype(int)
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    top = values[y0, x0] * (1 - fx) + values[y0, x0 + 1] * fx
    bottom = values[y0 + 1, x0] * (1 - fx) + values[y0 + 1, x0 + 1] * fx
    blended: Pixels = (top * (1 - fy) + bottom * fy).astype(np.float32)
    return blended


def grid() -> tuple[Pixels, Pixels]:
    """Return the x and y of every pixel of a finished image, each (SIZE, SIZE) float32 from 0 to 1."""
    axis = (np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE
    xs, ys = np.meshgrid(axis, axis)
    return xs, ys
