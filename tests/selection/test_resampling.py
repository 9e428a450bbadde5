"""The bootstrap of means: its variance, its coverage, its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from dbsweep.selection.resampling import (
    mean_interval,
    mean_intervals,
    resampled_means,
    resampling_weights,
    skew_corrected_means,
    small_sample_factor,
)


def test_weights_are_shares_and_the_same_for_the_same_seed() -> None:
    weights = resampling_weights(4, draws=50, seed=3)
    assert weights.shape == (50, 4)
    assert weights.sum(axis=1) == pytest.approx(np.ones(50))
    assert set(np.unique(weights)) <= {0.0, 0.25, 0.5, 0.75, 1.0}
    resampling_weights.cache_clear()
    assert (weights == resampling_weights(4, draws=50, seed=3)).all()
    assert (weights != resampling_weights(4, draws=50, seed=4)).any()
    with pytest.raises(ValueError, match="read-only"):  # they are kept for whoever asks next
        weights[0] = 0.0


def test_the_variance_is_the_unbiased_one() -> None:
    """Samples 0, 0, 3, 5: mean 2, squares 4 + 4 + 1 + 9 = 18, s² = 18 / 3 = 6, variance of the mean 6 / 4 = 1.5."""
    means = resampled_means(np.array([0.0, 0.0, 3.0, 5.0]), resampling_weights(4, draws=40_000))
    assert means.mean() == pytest.approx(2.0, abs=0.03)
    assert means.var() == pytest.approx(1.5, rel=0.03)


def test_rows_are_resampled_together() -> None:
    """The second row is the first plus 1, so every draw differs by exactly 1."""
    rows = np.array([[0.1, 0.5, 0.9], [1.1, 1.5, 1.9]])
    draws = resampled_means(rows, resampling_weights(3, draws=20))
    assert draws[1] - draws[0] == pytest.approx(np.ones(20))


@pytest.mark.parametrize(("degrees", "expected"), [(3, 3.1824 / 1.96), (7, 2.3646 / 1.96), (1000, 1.0)])
def test_small_sample_factor_is_t_over_normal(degrees: int, expected: float) -> None:
    assert small_sample_factor(degrees, 0.025) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(
    "samples", [[], [0.4], [math.nan, 0.4], [math.nan, math.nan]], ids=["none", "one", "one finite", "all NaN"]
)
def test_fewer_than_two_samples_have_no_interval(samples: list[float]) -> None:
    assert np.isnan(mean_interval(np.array(samples))).all()


def test_nan_is_left_out_and_equal_samples_have_no_spread() -> None:
    assert mean_interval(np.array([0.5, math.nan, 0.5, 0.5])) == (0.5, 0.5)


def test_with_many_samples_it_is_scipys_bootstrap() -> None:
    samples = np.random.default_rng(0).exponential(size=200)
    expected = bootstrap((samples,), np.mean, method="percentile", n_resamples=4000, rng=0).confidence_interval
    assert mean_interval(samples) == pytest.approx((expected.low, expected.high), abs=0.015)


@pytest.mark.parametrize(
    ("n_samples", "kind"), [(4, "normal"), (8, "normal"), (16, "normal"), (8, "lopsided"), (16, "lopsided")]
)
def test_coverage(n_samples: int, kind: str) -> None:
    """95% intervals cover the true mean in 93 to 97% of cases; the percentile one of 8 lopsided samples covers 89%."""
    rng = np.random.default_rng(n_samples)
    shape = (3000, n_samples)
    rows = rng.normal(size=shape) if kind == "normal" else 1.0 - rng.exponential(size=shape)
    low, high = mean_intervals(rows, resampling_weights(n_samples, draws=1000))
    assert 0.93 <= ((low <= 0.0) & (high >= 0.0)).mean() <= 0.97


def test_few_samples_reach_as_far_as_students_t() -> None:
    """Samples 0 and 1: mean 0.5, standard error 0.7071 / √2 = 0.5, t of one degree 12.706: 0.5 ± 6.353."""
    assert mean_interval(np.array([0.0, 1.0])) == pytest.approx((-5.853, 6.853), abs=1e-3)
    assert mean_interval(np.array([0.0, 1.0]), confidence=0.9) == pytest.approx((-2.657, 3.657), abs=1e-3)  # t = 6.314


def test_one_row_is_the_interval_of_its_samples() -> None:
    rows = np.random.default_rng(3).exponential(size=(2, 8))
    low, high = mean_intervals(rows, resampling_weights(8))
    assert [mean_interval(row) for row in rows] == [pytest.approx(ends) for ends in zip(low, high, strict=True)]


def test_draws_of_equal_samples_do_not_make_it_endless() -> None:
    """Every third draw has the one that differs not at all, and no spread to divide by."""
    low, high = mean_interval(np.array([0.9] * 7 + [0.1]))
    assert 0.5 < low < 0.8 < high < 1.0


def test_lopsided_samples_have_a_lopsided_interval() -> None:
    samples = np.array([0.9, 0.8, 0.85, 0.95, 0.9, 0.88, 0.92, 0.1])
    low, high = mean_interval(samples)
    assert samples.mean() - low > 1.5 * (high - samples.mean())


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        # Deviations 0.5 thrice and -1.5: s = 1, their cubes sum to -3, skewness -3 · 4 / (3 · 2) = -2. With t = 1 and
        # -2 / √4 = -1 it is T = 1 - 1/3 + 1/27 - 1/6 = 0.537, times s/√n = 0.5.
        pytest.param([1.0, 1.0, 1.0, -1.0], 0.2685, id="a tail downwards"),
        pytest.param([0.0, 0.0, 0.0, 2.0], 0.5, id="a tail upwards"),
        pytest.param([0.1, 0.3, 0.7, 0.9], 0.5, id="none"),
        # t = 19 is far in the branch where T is larger: 19 - 361/3 + 6859/27 - 1/6 = 152.5.
        pytest.param([10.0, 10.0, 10.0, 8.0], 9.5, id="never more than the mean"),
        pytest.param([0.4, 0.4, 0.4], 0.4, id="equal samples"),
        pytest.param([0.2, 0.6], 0.4, id="two samples have no skewness"),
    ],
)
def test_a_mean_is_worth_less_where_samples_have_a_tail_downwards(samples: list[float], expected: float) -> None:
    assert skew_corrected_means(np.array([samples])) == pytest.approx([expected], abs=1e-4)
