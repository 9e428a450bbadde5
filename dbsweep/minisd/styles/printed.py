"""Comic, pop art and ink poster: styles made of flat ink."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from dbsweep.minisd.canvas import CANVAS, Canvas, to_image
from dbsweep.minisd.palette import BACKGROUND_RGB, Rgb, luminance, natural, shade, tint, vivid
from dbsweep.minisd.portrait import Portrait
from dbsweep.minisd.shapes import Role, Shape, ellipse

BLACK: Final[Rgb] = (18, 14, 22)
CREAM: Final[Rgb] = (247, 234, 207)
VERMILION: Final[Rgb] = (217, 70, 40)
NAVY: Final[Rgb] = (26, 38, 74)
MUSTARD: Final[Rgb] = (229, 170, 52)
SLATE: Final[Rgb] = (104, 146, 160)

DOTS_RGB: Final[dict[str, Rgb]] = {"white": (214, 218, 226), "grey": (150, 156, 168)}
"""Backdrops whose dots would vanish."""

WARHOL: Final[tuple[tuple[Rgb, Rgb, Rgb, Rgb, Rgb], ...]] = (
    ((255, 222, 0), (255, 96, 176), (0, 178, 226), (238, 40, 60), (56, 16, 98)),
    ((0, 206, 200), (255, 214, 70), (240, 40, 140), (110, 40, 190), (40, 16, 80)),
    ((255, 70, 150), (120, 226, 255), (255, 232, 40), (40, 90, 220), (70, 10, 70)),
    ((130, 70, 220), (150, 240, 120), (255, 120, 40), (255, 50, 130), (36, 14, 78)),
    ((255, 120, 30), (110, 220, 230), (200, 30, 130), (255, 226, 60), (60, 12, 60)),
)
"""Sets of five inks: backdrop, skin, hair, clothes and the dark one that prints the lines."""


def comic(portrait: Portrait) -> Image.Image:
    """Return `portrait` as a comic panel: thick black lines, saturated flats, a dotted backdrop."""
    colours = natural(portrait.subject, portrait.scene)
    backdrop = vivid(BACKGROUND_RGB[portrait.scene.background], 1.9, 1.1)
    canvas = Canvas(_dots(DOTS_RGB.get(portrait.scene.background, backdrop)))
    side = 1 if portrait.scene.light != "right" else -1
    for shape in portrait.shapes:
        if shape.role in ("shadow", "blush"):
            continue
        rgb = vivid(colours[shape.role], 1.55, 1.12)
        if shape.role in ("lens", "sheen", "glint"):
            canvas.draw(shape, (255, 255, 255), 60 if shape.role == "lens" else 235)
            continue
        canvas.draw(shape, BLACK if shape.role in ("lid", "brow", "frame", "grille") else rgb)
        if shape.role in ("skin", "hair", "clothes"):
            _cel_shadow(canvas, shape, shade(rgb, 0.3), side)
        if shape.role not in ("iris", "pupil", "mark", "nose", "teeth"):
            heavy = shape.role in ("skin", "hair", "hair_back", "clothes", "neck", "beard")
            canvas.outline(shape, BLACK, 0.028 if heavy else 0.014)
    return to_image(canvas.finish())


def _cel_shadow(canvas: Canvas, shape: Shape, rgb: Rgb, side: int) -> None:
    """Darken the side of an area that is away from the light by one hard-edged step."""
    mask, lit = Image.new("L", (CANVAS, CANVAS), 0), Image.new("L", (CANVAS, CANVAS), 0)
    points = [(float(x), float(y)) for x, y in shape.points * CANVAS]
    ImageDraw.Draw(mask).polygon(points, fill=255)
    ImageDraw.Draw(lit).polygon([(x - side * 13, y - 7) for x, y in points], fill=255)
    mask.paste(0, mask=lit)
    canvas.image.paste(rgb, mask=mask)


def _dots(rgb: Rgb) -> Image.Image:
    """Return a backdrop of printing dots on a pale ground."""
    ys, xs = np.mgrid[0:CANVAS, 0:CANVAS].astype(np.float32)
    pitch = 24.0
    u, v = (xs + ys) / pitch, (xs - ys) / pitch
    away = np.hypot(u - np.rint(u), v - np.rint(v))[..., None]
    pale, ink = np.array(tint(rgb, 0.55), dtype=np.float32), np.array(rgb, dtype=np.float32)
    return to_image(np.where(away < 0.33, ink, pale).astype(np.float32))


def pop_art(portrait: Portrait) -> Image.Image:
    """Return `portrait` as a screen print: five clashing inks, the dark one slightly out of register."""
    back, skin, hair, cloth, line = WARHOL[portrait.scene.texture % len(WARHOL)]
    inks: dict[Role, Rgb] = {
        "skin": skin, "neck": skin, "hair": hair, "hair_back": hair, "beard": hair, "clothes": cloth, "trim": hair,
        "eye": (255, 255, 255), "teeth": (255, 255, 255), "lips": cloth, "bolt": cloth, "blush": cloth, "iris": hair,
        "glint": (255, 255, 255), "earring": back, "lens": back,
    }  # fmt: skip
    canvas = Canvas(back)
    for shape in portrait.shapes:
        if shape.role in ("sheen", "shadow"):
            continue
        rgb = inks.get(shape.role)
        canvas.draw(shape, line if rgb is None else rgb, 150 if shape.role in ("lens", "blush") else 255)
        if shape.role in ("skin", "hair", "hair_back", "clothes", "beard"):
            canvas.outline(shape, line, 0.009, 90)
    return to_image(canvas.finish())


POSTER_HAIR: Final[dict[str, Rgb]] = {
    "black": NAVY,
    "brown": (122, 62, 40),
    "red": VERMILION,
    "blonde": MUSTARD,
    "grey": (196, 190, 172),
    "blue": SLATE,
    "pink": (232, 140, 120),
}


def ink_poster(portrait: Portrait) -> Image.Image:
    """Return `portrait` as a poster: cream paper, a vermilion disc, navy ink, few flat colours."""
    subject, pose = portrait.subject, portrait.pose
    canvas = Canvas(CREAM)
    cx, cy = pose.centre
    canvas.draw(
        Shape("clothes", ellipse(cx, cy - 0.02, 0.40, 0.40)), VERMILION if subject.hair_colour != "red" else MUSTARD
    )
    skin = CREAM if luminance(natural(subject, portrait.scene)["skin"]) > 0.45 else (206, 150, 104)
    hair = POSTER_HAIR[subject.hair_colour]
    fills: dict[Role, Rgb] = {
        "skin": skin, "neck": skin, "hair": hair, "hair_back": hair, "beard": hair, "clothes": NAVY, "trim": MUSTARD,
        "eye": CREAM, "teeth": CREAM, "lips": VERMILION, "glint": CREAM, "earring": MUSTARD, "bolt": MUSTARD,
        "sheen": CREAM, "blush": VERMILION, "nose": MUSTARD,
    }  # fmt: skip
    for shape in portrait.shapes:
        if shape.role in ("shadow", "lens", "iris", "sheen"):
            continue
        rgb = fills.get(shape.role, NAVY)
        canvas.draw(shape, rgb, 110 if shape.role == "blush" else 255)
        if shape.role == "skin":
            _cel_shadow(canvas, shape, MUSTARD if skin == CREAM else (150, 92, 62), 1)
        if shape.role in ("skin", "hair", "hair_back", "clothes", "beard", "neck", "bolt"):
            canvas.outline(shape, NAVY, 0.024)
        elif shape.role in ("eye", "nose", "trim", "earring"):
            canvas.outline(shape, NAVY, 0.012)
    return to_image(canvas.finish())
