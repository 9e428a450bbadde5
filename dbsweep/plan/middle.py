"""How far settings are from the middle of what is searched, where a person's best guess is."""

from __future__ import annotations

from collections.abc import Mapping

from dbsweep.config.search import Search
from dbsweep.records.record import Scalar

_LENGTHS = ("epochs", "steps")


def off_middle(search: Search, settings: Mapping[str, Scalar]) -> float:
    """0 where every setting is in the middle of its list of numbers, 1 where every one is at an end; by rank.

    Lists of words and of fewer than three numbers have no middle, and lengths none that matters here.
    """
    places = []
    for name, axis in search.grid.items():
        numbers = sorted(value for value in axis.values if isinstance(value, int | float))
        if name in _LENGTHS or len(numbers) < 3 or len(numbers) < len(axis.values):
            continue
        value, middle = settings[name], (len(numbers) - 1) / 2
        assert isinstance(value, int | float)  # one of them
        places.append(abs(numbers.index(value) - middle) / middle)
    return sum(places) / len(places) if places else 0.0
