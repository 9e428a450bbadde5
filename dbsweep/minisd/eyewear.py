"""Glasses and sunglasses, in head units."""

from __future__ import annotations

import numpy as np

from dbsweep.minisd.shapes import Points, Shape, ellipse, rounded_box


def glasses(kind: str, eye_x: float, turn: float, reach: float) -> list[Shape]:
    """Return glasses of `kind` over eyes at ±`eye_x`; the arms end at ±`reach`."""
    if kind == "none":
        return []
    shapes: list[Shape] = []
    radius = min(0.29, eye_x - 0.035)
    for side in (-1, 1):
        x, y = side * eye_x + turn, 0.03
        rim = _rim(kind, x, y, radius)
        closed = np.concatenate([rim, rim[:2]])
        shapes.append(Shape("dark_lens" if kind == "sunglasses" else "lens", rim))
        if kind == "sunglasses":
            shapes.append(Shape("glint", np.array([[x - 0.13, y + 0.02], [x + 0.0, y - 0.13]]), 0.05))
        shapes.append(Shape("frame", closed, 0.085))
        shapes.append(Shape("frame", np.array([[x + side * radius, y - 0.05], [side * reach, y - 0.08]]), 0.075))
    bridge = ellipse(turn, 0.02, eye_x - radius + 0.02, 0.06, np.pi, 2 * np.pi)
    return [*shapes, Shape("frame", bridge, 0.08)]


def _rim(kind: str, x: float, y: float, radius: float) -> Points:
    if kind == "round":
        return ellipse(x, y, radius, radius)
    if kind == "square":
        return rounded_box(x, y, radius, 0.24, power=7.0)
    return rounded_box(x, y + 0.02, radius, 0.22, power=3.2)
