"""Watercolor and pixel art: styles made of areas of colour."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from dbsweep.minisd.canvas import CANVAS, SIZE, Canvas, grid, pixels, soft_noise, to_image, warp
from dbsweep.minisd.palette import BACKGROUND_RGB, natural, shade, tint, vivid
from dbsweep.minisd.portrait import Portrait

CELL: Final = 3
"""Width of a pixel-art cell in image pixels; the grid is 22 cells wide and loses 2 pixels at the edge."""


def watercolor(portrait: Portrait) -> Image.Image:
    """Return `portrait` as pale washes with bleeding edges on textured paper."""
    rng = np.random.default_rng([portrait.scene.texture, 2])
    colours = natural(portrait.subject, portrait.scene)
    canvas = Canvas(_washed_paper(portrait, rng))
    for shape in portrait.shapes:
        if shape.role in ("sheen", "lens", "glint"):
            continue
        small = shape.role in ("pupil", "lid", "frame", "mouth", "brow", "mark", "grille", "dark_lens")
        rgb = tint(vivid(colours[shape.role], 1.25, 1.05), 0.16 if small else 0.36)
        alpha = {"shadow": 90, "blush": 120}.get(shape.role, 255 if small else 236)
        canvas.draw(shape, rgb, alpha, widen=-0.004 if shape.role == "frame" else 0.0)
        if shape.role in ("skin", "hair", "hair_back", "clothes", "beard"):
            canvas.outline(shape, shade(rgb, 0.22), 0.011, 150)
    wet = warp(canvas.finish(), 1.5 * soft_noise(rng, 9), 1.5 * soft_noise(rng, 9))
    pigment = 1 + 0.05 * soft_noise(rng, 7)[..., None] + 0.022 * soft_noise(rng, 40)[..., None]
    return to_image(wet * pigment).filter(ImageFilter.GaussianBlur(0.4))


def _washed_paper(portrait: Portrait, rng: np.random.Generator) -> Image.Image:
    """Return paper with a loose wash behind the head, darker at its rim and bare at the corners."""
    xs, ys = grid()
    cx, cy = portrait.pose.centre
    reach = np.hypot((xs - cx) / 0.52, (ys - cy) / 0.5) + 0.24 * soft_noise(rng, 6)
    body = np.clip((1.02 - reach) * 9, 0, 1)
    rim = np.clip(1 - np.abs(reach - 0.94) * 12, 0, 1)
    cover = (body * 0.82 + 0.22 * rim * body)[..., None]
    paper = np.array((253, 250, 243), dtype=np.float32)
    wash = np.array(tint(vivid(BACKGROUND_RGB[portrait.scene.background], 1.2, 1.0), 0.34), dtype=np.float32)
    sheet = to_image((paper + (wash - paper) * cover).astype(np.float32))
    return sheet.resize((CANVAS, CANVAS), Image.Resampling.BILINEAR)


def pixel_art(portrait: Portrait) -> Image.Image:
    """Return `portrait` as a sprite of flat square cells in few colours."""
    colours = natural(portrait.subject, portrait.scene)
    backdrop = shade(vivid(BACKGROUND_RGB[portrait.scene.background], 1.3, 0.92), 0.06)
    canvas = Canvas(backdrop)
    table = [backdrop]
    for shape in portrait.shapes:
        if shape.role in ("sheen", "blush", "shadow", "glint", "lens", "bolt"):
            continue
        rgb = vivid(colours[shape.role], 1.2, 1.0)
        table.append(rgb)
        if shape.role in ("skin", "hair", "hair_back", "clothes"):
            canvas.outline(shape, (34, 30, 46), 0.03)
            table.append((34, 30, 46))
        wide = shape.role in ("frame", "brow", "mouth", "lid")
        canvas.draw(shape, rgb, widen=0.018 if wide else 0.0)
    cells = -(-SIZE // CELL)
    coarse = pixels(canvas.image.resize((cells, cells), Image.Resampling.BOX))
    known = np.unique(np.array(table, dtype=np.float32), axis=0)
    nearest = np.argmin(((coarse[:, :, None] - known) ** 2).sum(axis=3), axis=2)
    sprite = known[nearest].repeat(CELL, axis=0).repeat(CELL, axis=1)
    return to_image(sprite[1 : SIZE + 1, 1 : SIZE + 1])
