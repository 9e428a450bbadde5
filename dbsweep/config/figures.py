"""Figures that a sentence compares: they read differently where they differ."""

from __future__ import annotations

import itertools
import math


def decimals(value: float, other: float, least: int = 2) -> int:
    """As many decimals as it takes to see which of two numbers is the greater: 3 for 0.496 and 0.5.

    Either may also be written in full. Numbers that differ by a rounding of the machine's at most, and what is no
    number, have the least.
    """
    if not math.isfinite(value - other) or math.isclose(value, other, abs_tol=1e-9):
        return least
    return next(n for n in itertools.count(least) if _tells(value, other, n))


def _tells(value: float, other: float, places: int) -> bool:
    low, high = min(value, other), max(value, other)
    return round(low, places) < min(high, round(high, places)) and low < round(high, places)


def apart(value: float, other: float, least: int = 2) -> tuple[str, str]:
    """Both with the same decimals, as many as it takes: ``0.496`` and ``0.500``."""
    places = decimals(value, other, least)
    return figure(value, places), figure(other, places)


def figure(value: float, places: int) -> str:
    """A number rounded, without a ``-0.00``."""
    return f"{round(value, places) + 0.0:.{places}f}"
