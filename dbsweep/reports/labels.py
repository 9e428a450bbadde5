"""Where a label stands in a chart: beside its dot, and off all others as far as there is room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LETTER: Final = 10.5
"""Width of a letter, SVG units: of the larger ones that a phone shows."""
_HEIGHT: Final = 22.0
_GAP: Final = 14.0
"""From the middle of the dot to the label."""
_REACH: Final = 6.0
"""Of another dot, which the label should leave free."""


@dataclass(frozen=True, slots=True)
class Place:
    """The base line of a label: where it starts, is centred or ends, by the SVG `anchor`."""

    x: float
    y: float
    anchor: str

    def covered(self, width: float, dots: Sequence[tuple[float, float]]) -> int:
        """How many dots lie below a label of this width."""
        left = self._left(width)
        top, bottom = self.y - _HEIGHT * 3 / 4 - _REACH, self.y + _HEIGHT / 4 + _REACH
        return sum(left - _REACH < x < left + width + _REACH and top < y < bottom for x, y in dots)

    def is_within(self, width: float, frame: tuple[float, float]) -> bool:
        """Whether a label of this width lies within a frame of (width, height)."""
        left = self._left(width)
        return left >= 0.0 and left + width <= frame[0] and _HEIGHT <= self.y <= frame[1] - _HEIGHT / 4

    def _left(self, width: float) -> float:
        return self.x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]


def label_place(
    words: str, dot: tuple[float, float], others: Sequence[tuple[float, float]], frame: tuple[float, float]
) -> Place:
    """Right of the dot, above it, below it or left of it: the first place that covers the fewest of the others.

    Args:
        dot, others: positions in SVG units, from the upper left corner.
        frame: width and height of the chart.
    """
    x, y = dot
    width = len(words) * LETTER
    places = [Place(x + _GAP, y + 4, "start")]
    for rise in (-_GAP - 2, _GAP + 14):
        places += [Place(x + d, y + rise, anchor) for d, anchor in ((0, "middle"), (-_GAP, "end"), (_GAP, "start"))]
    places.append(Place(x - _GAP, y + 4, "end"))
    fitting = [place for place in places if place.is_within(width, frame)] or places[:1]
    return min(fitting, key=lambda place: place.covered(width, others))
