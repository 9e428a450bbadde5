"""Photo: natural colours, soft light from one side, a gently lit backdrop."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dbsweep.minisd.canvas import CANVAS, SIZE, Canvas, Pixels, grid, pixels, to_image
from dbsweep.minisd.palette import BACKGROUND_RGB, natural, shade
from dbsweep.minisd.portrait import Portrait
from dbsweep.minisd.shapes import ellipse

SHADED = ("hair_back", "clothes", "neck", "skin", "beard", "hair")


def paint(portrait: Portrait) -> Image.Image:
    """Return `portrait` as a photo."""
    colours = natural(portrait.subject, portrait.scene)
    canvas = Canvas(_backdrop(portrait))
    for shape in portrait.shapes:
        rgb = colours[shape.role]
        if shape.role in SHADED:
            canvas.outline(shape, shade(rgb, 0.42), 0.012)
        alpha = {"shadow": 130, "blush": 150, "sheen": 120, "lens": 90, "nose": 235}.get(shape.role, 255)
        canvas.draw(shape, rgb, alpha)
    lit = canvas.finish() * _light(portrait)
    return to_image(lit)


def _backdrop(portrait: Portrait) -> Image.Image:
    """Return a wall lit from the side of the light, darker towards the corners."""
    xs, ys = grid()
    x0 = {"left": 0.2, "right": 0.8, "front": 0.5}[portrait.scene.light]
    fall = np.hypot(xs - x0, ys - 0.3)[..., None]
    wall = np.array(BACKGROUND_RGB[portrait.scene.background], dtype=np.float32) * (1.1 - 0.42 * fall)
    return to_image(wall).resize((CANVAS, CANVAS), Image.Resampling.BILINEAR)


def _light(portrait: Portrait) -> Pixels:
    """Return the light on the sitter, (SIZE, SIZE, 1) around 1: lit and shaded cheeks, a shadow under the chin."""
    side = {"left": -1.0, "right": 1.0, "front": 0.0}[portrait.scene.light]
    pose = portrait.pose
    layer = Image.new("L", (SIZE, SIZE), 128)
    draw = ImageDraw.Draw(layer)
    cx, cy = pose.centre

    def blob(x: float, y: float, rx: float, ry: float, value: int) -> None:
        points = ellipse(cx + x * pose.scale, cy + y * pose.scale, rx * pose.scale, ry * pose.scale) * SIZE
        draw.polygon([(float(px), float(py)) for px, py in points], fill=value)

    blob(side * 0.12, -0.1, 0.85, 1.0, 138)
    blob(-side * 0.95, 0.35, 0.42, 1.0, 96 if side else 128)
    blob(side * 0.3, -0.45, 0.4, 0.35, 152)
    blob(0.0, 1.22, 0.6, 0.2, 98)
    soft = layer.filter(ImageFilter.GaussianBlur(4))
    return pixels(soft) / 128
