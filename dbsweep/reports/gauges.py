"""Scores as bars: all on one scale, which goes beyond 1 where a score does, and says where it was cut."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dbsweep.records.results import Score
from dbsweep.reports.words import number

_STEP: Final = 0.25
"""What the end of the scale is a multiple of."""
_MOST: Final = 2.0
"""Where the scale ends at most: one wild score leaves the others their room."""
_ROUNDING: Final = 1e-9
"""By which a score may miss an end of the bar and is still on it."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A score on its bar, in shares of the bar's length.

    Attributes:
        low, value, high: 0 to 1; all 0 where there is no number.
        one: where a score of 1 stands.
        is_below, is_above: whether the interval goes on beyond the bar's begin or end.
    """

    low: float
    value: float
    high: float
    one: float
    is_below: bool
    is_above: bool


def top(scores: Iterable[Score]) -> float:
    """Where the scale ends that all bars share: 1, or the quarter that holds the highest interval, at most 2."""
    highest = max((score.high for score in scores if math.isfinite(score.high)), default=1.0)
    return min(max(math.ceil((highest - _ROUNDING) / _STEP) * _STEP, 1.0), _MOST)


def gauge(score: Score, end: float) -> Gauge:
    """A score on a bar from 0 to `end`."""
    ends = [value if math.isfinite(value) else 0.0 for value in (score.low, score.value, score.high)]
    low, value, high = (min(max(each / end, 0.0), 1.0) for each in ends)
    return Gauge(low, value, high, 1.0 / end, min(ends) < -_ROUNDING, max(ends) > end + _ROUNDING)


def scale_sentence(end: float) -> str:
    """``bars to 1.25, line at 1``; empty where they end at 1."""
    return f"bars to {number(end)}, line at 1" if end > 1.0 else ""
