"""The score of samples of which some are missing: what counts, and when too little is left to say anything."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dbsweep.records.results import Score
from dbsweep.selection.means import score_of
from dbsweep.selection.resampling import mean_interval

NAN = math.nan


def score(samples: list[float], measurable: list[bool] | None = None) -> Score:
    known = [True] * len(samples) if measurable is None else measurable
    return score_of(np.array(samples), np.array(known, dtype=np.bool_))


def test_the_score_is_the_mean_with_its_interval() -> None:
    """Mean 0.55 with a standard error of 0.0645 and t = 3.18 at three degrees of freedom: 0.55 ± 0.205."""
    found = score([0.4, 0.5, 0.6, 0.7])
    assert (found.value, found.low, found.high) == pytest.approx((0.55, 0.3446, 0.7554), abs=2e-4)
    assert found.samples == (0.4, 0.5, 0.6, 0.7)


@pytest.mark.parametrize(
    ("samples", "value"),
    [
        ([0.2, 0.4, NAN, 0.9], 0.5),
        ([0.2, NAN, NAN, 0.9], NAN),
        ([0.1, 0.2, 0.3, 0.4, 0.5, NAN, NAN], NAN),  # two of seven are more than a quarter
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, NAN, NAN], 0.35),
        ([0.1, 0.2, 0.3, 0.4, 0.5, NAN, NAN, NAN], NAN),
        ([0.2, NAN, 0.6], NAN),
        ([NAN], NAN),
    ],
)
def test_up_to_a_quarter_may_be_missing(samples: list[float], value: float) -> None:
    found = score(samples)
    assert found.value == pytest.approx(value, nan_ok=True)
    assert found.samples == pytest.approx(samples, nan_ok=True), "places stay, so that samples stay paired"
    if math.isnan(value):
        assert math.isnan(found.low)
        assert math.isnan(found.high)


def test_the_interval_is_of_the_samples_that_count() -> None:
    counted = np.array([0.2, 0.4, 0.9])
    for found in (score([0.2, 0.4, NAN, 0.9]), score([0.2, 7.0, 0.4, 0.9], [True, False, True, True])):
        assert (found.low, found.high) == mean_interval(counted)


def test_what_the_base_model_cannot_give_neither_counts_nor_is_missed() -> None:
    """Of two prompts with two seeds each, the second is one that the base model cannot be measured on."""
    known = [True, False, True, False]
    assert score([0.4, 9.0, 0.6, -9.0], known).value == pytest.approx(0.5)
    assert score([0.4, NAN, 0.6, NAN], known).value == pytest.approx(0.5)
    assert math.isnan(score([0.4, 9.0, NAN, -9.0], known).value), "half of what counts is missing"
    assert math.isnan(score([0.4, 0.6], [False, False]).value)


def test_one_sample_has_a_mean_and_no_interval() -> None:
    found = score([0.4])
    assert found.value == 0.4
    assert math.isnan(found.low)
    assert math.isnan(found.high)
