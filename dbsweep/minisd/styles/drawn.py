"""Pencil sketch and neon: styles made of lines."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from dbsweep.minisd.canvas import SIZE, Canvas, Pixels, pixels, soft_noise, to_image, warp
from dbsweep.minisd.palette import CLOTH_RGB, Rgb, luminance, natural, vivid
from dbsweep.minisd.portrait import Portrait
from dbsweep.minisd.shapes import Role

FEATURES: Final = ("lid", "brow", "mouth", "frame", "grille", "pupil", "mark", "nose")
GLOW_LINES: Final[dict[Role, Rgb]] = {
    "skin": (255, 86, 190),
    "neck": (255, 86, 190),
    "lid": (240, 250, 255),
    "brow": (255, 150, 220),
    "nose": (255, 86, 190),
    "mouth": (255, 60, 110),
    "lips": (255, 60, 110),
    "teeth": (255, 220, 230),
    "frame": (90, 255, 240),
    "dark_lens": (20, 120, 130),
    "mark": (255, 210, 90),
    "earring": (255, 220, 60),
    "bolt": (160, 190, 255),
    "grille": (150, 255, 190),
}
TUBE_HAIR: Final[dict[str, Rgb]] = {
    "black": (150, 120, 255),
    "brown": (214, 112, 34),
    "red": (255, 52, 30),
    "blonde": (255, 232, 70),
    "grey": (220, 228, 240),
    "blue": (40, 130, 255),
    "pink": (255, 110, 200),
}


def pencil(portrait: Portrait) -> Image.Image:
    """Return `portrait` as graphite on paper: grey lines, hatching where it is dark."""
    rng = np.random.default_rng([portrait.scene.texture, 1])
    colours = natural(portrait.subject, portrait.scene)
    tones, lines = Canvas((250, 250, 250)), Canvas((255, 255, 255))
    for shape in portrait.shapes:
        grey = luminance(colours[shape.role])
        floor = 0.56 if shape.role in ("skin", "neck") else 0.30
        value = round(255 * min(1.0, floor + (1.08 - floor) * grey))
        if shape.role not in ("blush", "sheen", "shadow", "lens"):
            tones.draw(shape, (value, value, value))
            lines.draw(shape, (255, 255, 255)) if shape.width == 0 else None
        if shape.width > 0 and shape.role in FEATURES:
            lines.draw(shape, (52, 52, 56), widen=-0.004)
        elif shape.role in ("pupil", "mark", "dark_lens"):
            lines.draw(shape, (60, 60, 64))
        elif shape.role not in ("blush", "sheen", "shadow", "lens", "glint", "teeth"):
            lines.outline(shape, (70, 70, 76), 0.014)
    tone = tones.finish()[..., :1]
    hatched = 255 - _hatching(portrait.scene.texture) * np.clip((236 - tone) / 150, 0, 1)
    wobble = soft_noise(rng, 12)
    line = warp(lines.finish(), 1.1 * wobble, 1.1 * soft_noise(rng, 12))[..., :1]
    paper = 248 + 3 * soft_noise(rng, 40)[..., None]
    sketch = np.minimum(hatched, line) / 255 * paper
    return to_image(sketch * np.array([1.0, 0.995, 0.975], dtype=np.float32))


def _hatching(texture: int) -> Pixels:
    """Return slanted pencil strokes, (SIZE, SIZE, 1), how much each darkens the paper."""
    ys, xs = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    wave = 0.5 + 0.5 * np.sin((xs + ys * 0.9 + texture % 7) * (2 * np.pi / 4.2))
    values: Pixels = (96 + 104 * wave)[..., None].astype(np.float32)
    return values


def neon(portrait: Portrait) -> Image.Image:
    """Return `portrait` as glowing tubes on a dark wall."""
    subject, scene = portrait.subject, portrait.scene
    hair = TUBE_HAIR[subject.hair_colour]
    cloth = vivid(CLOTH_RGB[scene.shirt_colour], 1.2, 1.4) if scene.shirt_colour != "black" else (120, 90, 255)
    iris = vivid(natural(subject, scene)["iris"], 1.2, 1.6)
    own: dict[Role, Rgb] = {
        "hair": hair,
        "hair_back": hair,
        "beard": hair,
        "brow": hair,
        "clothes": cloth,
        "trim": cloth,
    }
    own |= {"iris": iris, "skin": (120, 200, 255)} if subject.klass == "robot" else {"iris": iris}
    tubes = GLOW_LINES | own
    wall: Rgb = ((14, 10, 30), (10, 12, 34), (22, 8, 30))[scene.texture % 3]
    canvas, glow = Canvas(wall), Canvas((0, 0, 0))
    for shape in portrait.shapes:
        if shape.role in ("blush", "sheen", "shadow", "glint", "lens", "pupil", "eye"):
            continue
        rgb = tubes.get(shape.role, hair)
        inside = tuple(
            round(w + (c - w) * (0.16 if shape.role in ("hair", "hair_back", "beard") else 0.05))
            for w, c in zip(wall, rgb, strict=True)
        )
        for target, base in ((canvas, inside), (glow, (0, 0, 0))):
            if shape.role in ("iris", "mark", "earring", "teeth", "dark_lens"):
                target.draw(shape, rgb)
            elif shape.width > 0:
                target.draw(shape, rgb, widen=-0.006)
            else:
                target.draw(shape, (base[0], base[1], base[2]))
                target.outline(shape, rgb, 0.017)
    halo = glow.image.resize((SIZE, SIZE), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(2.2))
    core = canvas.finish()
    return to_image(core * 1.08 + 1.1 * pixels(halo))
