"""The natural colours of a portrait, by role; styles start from these or replace them."""

from __future__ import annotations

import colorsys
from typing import Final

from dbsweep.minisd.attributes import Scene, Subject
from dbsweep.minisd.shapes import Role

Rgb = tuple[int, int, int]

HAIR_RGB: Final[dict[str, Rgb]] = {
    "black": (40, 34, 42),
    "brown": (116, 70, 38),
    "red": (204, 70, 28),
    "blonde": (242, 200, 92),
    "grey": (166, 170, 180),
    "blue": (48, 104, 222),
    "pink": (244, 112, 172),
}
SKIN_RGB: Final[dict[str, Rgb]] = {
    "pale": (252, 226, 208),
    "light": (244, 200, 168),
    "tan": (220, 164, 116),
    "brown": (164, 108, 70),
    "dark": (104, 66, 48),
    "silver": (184, 194, 206),
    "copper": (208, 134, 92),
    "mint": (134, 204, 182),
    "gold": (226, 190, 96),
}
EYE_RGB: Final[dict[str, Rgb]] = {
    "brown": (116, 66, 32),
    "blue": (44, 120, 214),
    "green": (44, 150, 84),
    "amber": (250, 170, 30),
}
CLOTH_RGB: Final[dict[str, Rgb]] = {
    "red": (204, 48, 54),
    "orange": (238, 132, 42),
    "yellow": (246, 208, 66),
    "green": (52, 152, 84),
    "blue": (50, 102, 196),
    "purple": (124, 76, 176),
    "white": (238, 238, 234),
    "black": (48, 48, 56),
}
BACKGROUND_RGB: Final[dict[str, Rgb]] = {
    "blue": (112, 166, 226),
    "green": (128, 190, 130),
    "yellow": (246, 218, 122),
    "orange": (246, 172, 106),
    "pink": (246, 176, 196),
    "purple": (174, 148, 214),
    "teal": (84, 176, 174),
    "grey": (168, 174, 182),
    "white": (240, 240, 238),
}


def mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    """Return `a` moved towards `b` by `share` (0 to 1)."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def shade(rgb: Rgb, by: float) -> Rgb:
    """Return `rgb` darkened towards a cool shadow by `by` (0 to 1)."""
    return mix(rgb, (24, 16, 44), by)


def tint(rgb: Rgb, by: float) -> Rgb:
    """Return `rgb` lightened towards white by `by` (0 to 1)."""
    return mix(rgb, (255, 255, 255), by)


def vivid(rgb: Rgb, saturation: float = 1.5, value: float = 1.08) -> Rgb:
    """Return `rgb` with saturation and value multiplied."""
    h, s, v = colorsys.rgb_to_hsv(*(c / 255 for c in rgb))
    r, g, b = colorsys.hsv_to_rgb(h, min(1.0, s * saturation), min(1.0, v * value))
    return round(255 * r), round(255 * g), round(255 * b)


def luminance(rgb: Rgb) -> float:
    """Return the luma of `rgb` from 0 to 1 (ITU-R BT.601 weights)."""
    return (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]) / 255


def natural(subject: Subject, scene: Scene) -> dict[Role, Rgb]:
    """Return the colour of every role as it is by daylight."""
    skin, hair, cloth = SKIN_RGB[subject.skin], HAIR_RGB[subject.hair_colour], CLOTH_RGB[scene.shirt_colour]
    robot = subject.klass == "robot"
    dark = luminance(cloth) < 0.5
    return {
        "hair_back": shade(hair, 0.22),
        "hair": hair,
        "sheen": tint(hair if not robot else skin, 0.45),
        "clothes": cloth,
        "trim": tint(cloth, 0.35) if dark else shade(cloth, 0.25),
        "neck": shade(skin, 0.10),
        "skin": skin,
        "shadow": shade(skin, 0.28),
        "blush": mix(skin, (238, 92, 84), 0.32),
        "beard": shade(hair, 0.08),
        "eye": (250, 250, 250),
        "iris": EYE_RGB[subject.eye_colour],
        "pupil": (22, 18, 26),
        "glint": (255, 255, 255) if subject.hair_style != "bald" else tint(skin, 0.6),
        "lid": (44, 28, 36),
        "brow": shade(hair, 0.3),
        "nose": shade(mix(skin, (226, 92, 70), 0.3), 0.14),
        "mouth": (132, 34, 44),
        "lips": (206, 56, 78),
        "teeth": (248, 246, 240),
        "frame": (28, 26, 34),
        "lens": tint(skin, 0.3),
        "dark_lens": (38, 36, 50),
        "mark": (84, 44, 30) if subject.mark != "freckles" else shade(mix(skin, (190, 90, 40), 0.5), 0.2),
        "earring": (250, 204, 60),
        "bolt": shade(skin, 0.38),
        "grille": (62, 64, 78),
    }
