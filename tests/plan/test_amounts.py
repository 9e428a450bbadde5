"""Amounts as people read them."""

from __future__ import annotations

import pytest

from dbsweep.plan.amounts import bytes_text, duration_text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (3_930_000_000, "3.9 GB"),
        (9_960_000, "10 MB"),
        (999_600_000, "1.0 GB"),
        (2 * 10**18, "2000 PB"),
    ],
)
def test_bytes(count: int, text: str):
    assert bytes_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (59.6, "1 min"), (3570, "1 h 0 min"), (12000, "3 h 20 min"), (190_800, "2 d 5 h")],
)
def test_durations(seconds: float, text: str):
    assert duration_text(seconds) == text
