"""Figures that are compared read differently where they differ."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsweep.config.figures import apart, decimals, figure


@pytest.mark.parametrize(
    ("value", "other", "told"),
    [
        (0.4, 0.5, ("0.40", "0.50")),
        (0.496, 0.5, ("0.496", "0.500")),
        (0.504, 0.5, ("0.504", "0.500")),
        (0.49996, 0.5, ("0.49996", "0.50000")),
        (0.5, 0.5, ("0.50", "0.50")),
        (0.1 + 0.2, 0.3, ("0.30", "0.30")),  # they differ by a rounding of the machine's
        (-0.001, 0.3, ("0.00", "0.30")),
        (math.nan, 0.5, ("nan", "0.50")),
    ],
)
def test_both_have_as_many_decimals_as_it_takes(value: float, other: float, told: tuple[str, str]) -> None:
    assert apart(value, other) == told
    assert apart(other, value) == told[::-1]


def test_sizes_need_fewer() -> None:
    assert apart(10.04, 9.96, least=1) == ("10.04", "9.96")
    assert apart(12.0, 9.96, least=1) == ("12.0", "10.0")


def test_one_may_be_written_in_full() -> None:
    """0.6255 is 0.63 by two decimals, above 0.6254; 0.6253 would be 0.63 too."""
    assert float(figure(0.6253, decimals(0.6253, 0.6254))) < 0.6254


@given(st.floats(-10.0, 10.0), st.floats(-10.0, 10.0))
def test_the_smaller_reads_as_the_smaller(value: float, other: float) -> None:
    low, high = sorted((value, other))
    told = [float(text) for text in apart(low, high)]
    assert told[0] < told[1] or math.isclose(low, high, abs_tol=1e-9)
