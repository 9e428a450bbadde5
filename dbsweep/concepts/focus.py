"""The focal point of a photo, around which a window is cut: its largest face, its mask, or corners and entropy.

Points and weights are those of A1111's "Auto focal point crop" (modules/textual_inversion/autocrop.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from dbsweep.concepts.face import FindFaces, Point
from dbsweep.concepts.windows import CENTRE, place_around
from dbsweep.plan.buckets import Size

Floats: TypeAlias = npt.NDArray[np.float64]
LOOKED_AT = 256
"""Shorter side in pixels at which a photo is looked at, whatever size is cut: so all sizes have the same window."""

MOST_CORNERS = 100
"""As there; so are the next three, but for the last, which A1111 does by painting the lowest tenth grey."""
QUALITY = 0.04
"""Of the strongest corner's strength, below which none counts."""
APART = 0.06
"""Of the shorter side: corners that are nearer to a stronger one do not count."""
WATERMARKS = 0.1
"""Of the height, at the lower end: no corner there counts."""

ENTROPY_STEP = 4
"""Pixels between the windows that are compared."""
GREY_LEVELS = 256

_NO_FACE = ", for no face is found"


@dataclass(frozen=True, slots=True)
class FocusWeights:
    """How much each kind of point counts; A1111's defaults."""

    edges: float = 0.5
    entropy: float = 0.15


def focal_place(
    photo: Image.Image, mask: Image.Image | None, size: Size, weights: FocusWeights, find_faces: FindFaces | None = None
) -> tuple[float, str]:
    """Where the window of a photo lies, and what it lies around.

    Args:
        photo: whole and upright.
        mask: mode L, of the photo's size; the middle of what it leaves is the focal point of a photo without a face.
        size: of the window, of which the shape counts.
        weights: of the points that count without either.
        find_faces: where there is a detector.
    """
    faces = find_faces(np.asarray(photo)) if find_faces is not None else ()
    if faces:
        return place_around(faces[0].point, photo.size, size), "its largest face" if len(faces) > 1 else "its face"
    if mask is not None and (middle := centre_of_mass(np.asarray(mask, dtype=np.float64))) is not None:
        return place_around(
            middle, photo.size, size
        ), f"what its mask leaves{_NO_FACE if find_faces is not None else ''}"
    factor = max(1.0, min(photo.size) / LOOKED_AT)
    small = photo.convert("L").resize(
        (max(1, round(photo.width / factor)), max(1, round(photo.height / factor))), Image.Resampling.BOX
    )
    grey = np.asarray(small, dtype=np.uint8)
    scale = min(small.width / size[0], small.height / size[1])
    window = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    points = [
        (weights.edges, mean_point(corners(grey))),
        (weights.entropy, liveliest(grey, window)),
    ]
    point = weighted_mean([(weight, point) for weight, point in points if point is not None])
    if point is None:
        return CENTRE, "its middle, for nothing stands out"
    return place_around(point, small.size, size), f"what stands out{_NO_FACE if find_faces is not None else ''}"


def weighted_mean(points: Sequence[tuple[float, Point]]) -> Point | None:
    """None where no weight is above 0."""
    total = sum(weight for weight, _ in points)
    if total <= 0:
        return None
    return (
        sum(weight * x for weight, (x, _) in points) / total,
        sum(weight * y for weight, (_, y) in points) / total,
    )


def mean_point(points: Floats) -> Point | None:
    """Of (n, 2) points; None of none."""
    return None if len(points) == 0 else (float(points[:, 0].mean()), float(points[:, 1].mean()))


def centre_of_mass(weights: Floats) -> Point | None:
    """The middle of an (h, w) picture of weights, in pixels from its left upper corner; None where all are 0."""
    total = float(weights.sum())
    if total <= 0:
        return None
    rows, columns = weights.sum(axis=1), weights.sum(axis=0)
    return (
        float((columns * (np.arange(len(columns)) + 0.5)).sum()) / total,
        float((rows * (np.arange(len(rows)) + 0.5)).sum()) / total,
    )


def corners(grey: npt.NDArray[np.uint8]) -> Floats:
    """The strongest corners of a grey picture, as OpenCV's `goodFeaturesToTrack` finds them.

    Shi and Tomasi, "Good features to track" (1994): corners are where the smaller eigenvalue of the gradients'
    covariance over 3 × 3 pixels is large, larger than all around, and apart from each other.

    Returns:
        (n, 2) x and y of pixels, the strongest first.
    """
    strength = corner_strength(grey)
    strength[int(len(grey) * (1.0 - WATERMARKS)) :] = 0.0
    padded = np.pad(strength, 1)
    height, width = strength.shape
    highest = np.max([padded[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)
    found = (strength >= QUALITY * strength.max()) & (strength == highest) & (strength > 0)
    found[[0, -1]] = found[:, [0, -1]] = False
    rows, columns = np.nonzero(found)
    order = np.argsort(-strength[rows, columns], kind="stable")
    candidates = np.stack([columns[order], rows[order]], axis=1).astype(np.float64)
    kept = np.empty((0, 2))
    for candidate in candidates:
        if len(kept) < MOST_CORNERS and (np.hypot(*(kept - candidate).T) >= APART * min(grey.shape)).all():
            kept = np.vstack([kept, candidate])
    return kept


def corner_strength(grey: npt.NDArray[np.uint8]) -> Floats:
    """The smaller eigenvalue of the covariance of Sobel gradients, summed over 3 × 3 pixels: (h, w)."""
    if min(grey.shape) < 3:  # too small for anything to stand out
        return np.zeros(grey.shape)
    levels = np.pad(grey.astype(np.float64), 1, mode="reflect")
    smooth_rows = levels[:-2] + 2.0 * levels[1:-1] + levels[2:]
    smooth_columns = levels[:, :-2] + 2.0 * levels[:, 1:-1] + levels[:, 2:]
    across, down = smooth_rows[:, 2:] - smooth_rows[:, :-2], smooth_columns[2:] - smooth_columns[:-2]
    xx, xy, yy = (_sum_around(product) for product in (across * across, across * down, down * down))
    return (xx + yy) / 2.0 - np.sqrt(((xx - yy) / 2.0) ** 2 + xy**2)


def _sum_around(values: Floats) -> Floats:
    """Of each 3 × 3 pixels."""
    padded = np.pad(values, 1, mode="reflect")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def liveliest(grey: npt.NDArray[np.uint8], window: Size) -> Point | None:
    """The middle of the window in which grey levels differ most (Shannon's entropy); None where nothing is left off.

    Windows lie along the longer side, some pixels apart; of equal ones the one nearest to the middle is taken.

    Args:
        grey: (h, w).
        window: as wide or as high as that.
    """
    height, width = grey.shape
    along, length = (grey.T, window[0]) if width > window[0] else (grey, window[1])
    places = np.arange(0, len(along) - length + 1, ENTROPY_STEP)
    if len(along) <= length or len(places) < 2:
        return None
    counts = np.stack([np.bincount(line, minlength=GREY_LEVELS) for line in along])
    sums = np.concatenate([np.zeros((1, GREY_LEVELS), dtype=np.int64), np.cumsum(counts, axis=0)])
    shares = (sums[places + length] - sums[places]) / (length * along.shape[1])
    entropies = -np.sum(shares * np.log2(np.where(shares > 0, shares, 1.0)), axis=1)
    best = places[np.isclose(entropies, entropies.max(), rtol=0.0, atol=1e-9)] + length / 2.0
    middle = float(best[np.argmin(np.abs(best - len(along) / 2.0))])
    return (middle, height / 2.0) if width > window[0] else (width / 2.0, middle)
