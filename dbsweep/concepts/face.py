"""A face in a photo, as detectors tell it: where it is, how large, and how far it is turned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Point: TypeAlias = tuple[float, float]
"""x and y, pixels."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face.

    Attributes:
        left, top, width, height: of the box around it, pixels of the photo.
        eyes: their middles, the one on the left side of the photo first.
        nose: its tip.
    """

    left: float
    top: float
    width: float
    height: float
    eyes: tuple[Point, Point]
    nose: Point

    @property
    def point(self) -> Point:
        """What a window lies around: the middle between the sides, a third below the top, where A1111 has it."""
        return self.left + self.width / 2, self.top + 0.33 * self.height

    @property
    def turn(self) -> float:
        """How far the nose is beside the middle of the eyes, along the line between them, in distances of the eyes.

        0 from the front, negative where it points to the left of the photo.
        """
        left, right = np.array(self.eyes[0]), np.array(self.eyes[1])
        along = right - left
        length = float(along @ along)
        return 0.0 if length == 0 else float((np.array(self.nose) - (left + right) / 2) @ along) / length


FindFaces: TypeAlias = Callable[[npt.NDArray[np.uint8]], Sequence[Face]]
"""Of an (h, w, 3) uint8 RGB photo all faces, the largest first."""
