"""The bootstrap of means: its variance, its coverage, its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from dbsweep.selection.resampling import mean_interval, resampled_means, resampling_weights, small_sample_factor


def test_weights_are_shares_and_the_same_for_the_same_seed() -> None:
    weights = resampling_weights(4, draws=50, seed=3)
    assert weights.shape == (50, 4)
    assert weights.sum(axis=1) == pytest.approx(np.ones(50))
    assert set(np.unique(weights)) <= {0.0, 0.25, 0.5, 0.75, 1.0}
    resampling_weights.cache_clear()
    assert (weights == resampling_weights(4, draws=50, seed=3)).all()
    assert (weights != resampling_weights(4, draws=50, seed=4)).any()


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


@pytest.mark.parametrize("n_samples", [4, 8, 16])
def test_coverage(n_samples: int) -> None:
    """95% intervals of normal samples cover the true mean in 93 to 97% of cases; a plain bootstrap of 4 covers 80%."""
    rng = np.random.default_rng(n_samples)
    rows = rng.normal(size=(3000, n_samples))
    draws = resampled_means(rows, resampling_weights(n_samples, draws=1000)) - rows.mean(axis=1, keepdims=True)
    low, high = np.quantile(draws, [0.025, 0.975], axis=1) * small_sample_factor(n_samples - 1, 0.025)
    centers = rows.mean(axis=1)
    covered = ((centers + low <= 0.0) & (centers + high >= 0.0)).mean()
    assert 0.93 <= covered <= 0.97
