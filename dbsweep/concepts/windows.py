"""Which windows of a photo are cut: where one lies, how many lie side by side, and what they leave off."""

from __future__ import annotations

import math
from typing import TypeAlias

from dbsweep.plan.buckets import Size

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of an upright photo; the last two are outside, as in Pillow."""

CENTRE = 0.5
"""Where a window lies: 0 at the left or top end of what is cropped, 1 at the other."""


def left_off(photo: Size, cut: Size) -> float:
    """The share of a photo that is outside a window of another shape."""
    return 1.0 - _agreement(photo, cut)


def enlargement(photo: Size, cut: Size) -> float:
    """By which a photo is enlarged to fill the size that it is cut to; below 1 it is made smaller."""
    return max(cut[0] / photo[0], cut[1] / photo[1])


def split_places(photo: Size, cut: Size, threshold: float, overlap: float) -> tuple[float, ...]:
    """Where windows lie that together show all of a long photo; none for a photo that is not so long.

    As A1111 splits "oversized" images (modules/textual_inversion/preprocess.py, `split_pic`).

    Args:
        photo, cut: sizes of the photo and of a window, of which the shapes count.
        threshold: what is split: photos of which one window shows at most this share.
        overlap: share of a window that the next one shows too, at least.
    """
    shown = _agreement(photo, cut)
    if shown >= 1.0 or shown > threshold:
        return ()
    count = math.ceil((1.0 / shown - overlap) / (1.0 - overlap) - 1e-9)
    return tuple(index / (count - 1) for index in range(count))


def place_around(point: tuple[float, float], photo: Size, cut: Size) -> float:
    """Where a window lies whose middle is as near to a point as the photo's ends allow.

    Args:
        point: x and y in pixels of the photo.
        photo, cut: sizes of the photo and of the window, of which the shape counts.
    """
    scale = min(photo[0] / cut[0], photo[1] / cut[1])
    along = 0 if photo[0] / cut[0] > photo[1] / cut[1] else 1
    window = scale * cut[along]
    rest = photo[along] - window
    return CENTRE if rest <= 0 else min(1.0, max(0.0, (point[along] - window / 2) / rest))


def smaller_size(photo: Size, cover: Size) -> Size:
    """The size of a whole photo that is made small, so that it just covers a size; its own where it is too small."""
    factor = min(1.0, enlargement(photo, cover))
    return max(1, round(photo[0] * factor)), max(1, round(photo[1] * factor))


def _agreement(photo: Size, cut: Size) -> float:
    """The share of a photo that a window of a shape can show, at most 1."""
    narrow, wide = sorted((photo[0] / photo[1], cut[0] / cut[1]))
    return narrow / wide
