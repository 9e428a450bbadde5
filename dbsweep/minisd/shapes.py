"""Flat shapes with a role, the curves they are made of, and the pose that puts them on the canvas."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(n, 2) float64, x to the right and y down."""

Role = Literal[
    "hair_back", "clothes", "trim", "neck", "skin", "shadow", "blush", "beard", "eye", "iris", "pupil", "glint",
    "lid", "brow", "nose", "mouth", "lips", "teeth", "hair", "sheen", "frame", "lens", "dark_lens", "mark",
    "earring", "bolt", "grille",
]  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """One area or line of a portrait.

    `width` is 0 for a filled area, else the width of a line, in head units (half the height of a head).
    """

    role: Role
    points: Points
    width: float = 0.0


@dataclass(frozen=True)
class Pose:
    """Places shapes given in head units (origin in the middle of the face) on the unit canvas."""

    centre: tuple[float, float]
    scale: float
    tilt: float

    def head(self, shape: Shape) -> Shape:
        """Place a shape that rolls with the head about the base of the neck."""
        pivot = np.array([0.0, 1.25])
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        turned = (shape.points - pivot) @ np.array([[cos, sin], [-sin, cos]]) + pivot
        return self.body(replace(shape, points=turned))

    def body(self, shape: Shape) -> Shape:
        """Place a shape that keeps upright."""
        placed = shape.points * self.scale + np.array(self.centre)
        return replace(shape, points=placed, width=shape.width * self.scale)


def ellipse(x: float, y: float, rx: float, ry: float, start: float = 0.0, end: float = 2 * np.pi) -> Points:
    """Return an ellipse, or its arc from `start` to `end` radians (0 is right, a quarter turn is down)."""
    count = max(8, int(np.ceil(28 * abs(end - start) / (2 * np.pi))))
    t = np.linspace(start, end, count, endpoint=abs(end - start) < 6.28)
    return np.stack([x + rx * np.cos(t), y + ry * np.sin(t)], axis=1)


def rounded_box(x: float, y: float, rx: float, ry: float, power: float = 4.0) -> Points:
    """Return a superellipse |x/rx|^p + |y/ry|^p = 1: a box whose corners sharpen with `power`."""
    t = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    cos, sin = np.cos(t), np.sin(t)
    px = x + rx * np.sign(cos) * np.abs(cos) ** (2 / power)
    py = y + ry * np.sign(sin) * np.abs(sin) ** (2 / power)
    return np.stack([px, py], axis=1)


def curve(*knots: tuple[float, float], closed: bool = False, steps: int = 6) -> Points:
    """Return a Catmull-Rom curve through `knots`."""
    p = np.asarray(knots, dtype=np.float64)
    ends = (p[-1:], p[:2]) if closed else (2 * p[:1] - p[1:2], 2 * p[-1:] - p[-2:-1])
    p = np.concatenate([ends[0], p, ends[1]])
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None, :] for i in range(4))
    q = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    flat = q.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, p[-2:-1]])


def mirrored(points: Points) -> Points:
    """Return `points` reflected to the other side of the face."""
    reflected: Points = points * np.array([-1.0, 1.0])
    return reflected
