"""Bootstrap of means that stays honest with the four to sixteen samples that a scorecard has."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

Floats: TypeAlias = npt.NDArray[np.float64]

RESAMPLES = 10_000
"""Bootstrap draws; the smallest tail that a verdict of ten looks asks for is 1/440, one of thirty 1/1240."""

MIN_STUDENTISED = 6
"""Samples from which the studentised bootstrap has a say; of four, one draw in 64 has no spread to divide by."""


@lru_cache(maxsize=32)
def resampling_weights(n_samples: int, draws: int = RESAMPLES, seed: int = 0) -> Floats:
    """How often each sample occurs in each bootstrap draw, as a share.

    Returns:
        (draws, n_samples) float64, read-only; rows sum to 1.
    """
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(n_samples, np.full(n_samples, 1.0 / n_samples), size=draws) / n_samples
    weights.flags.writeable = False
    return np.asarray(weights, dtype=np.float64)


def resampled_means(samples: Floats, weights: Floats) -> Floats:
    """Bootstrap means whose variance is the unbiased estimate s²/n.

    The plain bootstrap underestimates the variance of a mean by (n - 1)/n, a quarter at n = 4, so the draws are
    stretched around the mean by √(n / (n - 1)).

    Args:
        samples: (..., n) float64; the same column is the same prompt and seed in every row.
        weights: (draws, n) from `resampling_weights`; rows of `samples` are resampled together, so stay paired.

    Returns:
        (..., draws) float64.
    """
    n = samples.shape[-1]
    center = samples.mean(axis=-1, keepdims=True)
    draws: Floats = center + np.sqrt(n / max(n - 1, 1)) * ((samples - center) @ weights.T)
    return draws


def small_sample_factor(degrees: int, tail: float) -> float:
    """Student's t quantile over the normal one at the same tail.

    A percentile of the bootstrap is a normal one in effect; with few samples the spread itself is uncertain, and
    only t's heavier tail covers what it promises (Hesterberg 2015, "What Teachers Should Know About the
    Bootstrap", section 4.3). 1.62 with 3 degrees of freedom (4 samples) and 1.21 with 7, for a tail of 0.025.
    """
    return float(stdtrit(max(degrees, 1), 1.0 - tail) / ndtri(1.0 - tail))


def skew_corrected_means(rows: Floats) -> Floats:
    """Means, less where samples with a long tail downwards make them look too sure.

    Where such a tail happens not to be drawn, the mean comes out high and the spread small at once, so that
    t = mean / (s/√n) is large by more than Student's t allows for. With the skewness γ
    T = t + γt²/(3√n) + γ²t³/(27n) + γ/(6√n) is free of that to the second order (Hall 1992, "On the removal of
    skewness by transformation", J. R. Statist. Soc. B 54), and T · s/√n is the mean that t would take for as sure. γ is
    estimated as statistics programs do (G1 of Joanes & Gill 1998); above 0 it counts as 0, so that means never grow.

    Args:
        rows: (m, n) float64, finite, n at least 2.

    Returns:
        (m,) float64, at most the means; those of equal samples as they are.
    """
    n, center = rows.shape[1], rows.mean(axis=1)
    deviation = rows.std(axis=1, ddof=1)
    deviation = np.where(deviation > 0.0, deviation, 1.0)
    cubes = ((rows - center[:, None]) ** 3).sum(axis=1) / deviation**3
    skewness = np.minimum(cubes * n / ((n - 1) * max(n - 2, 1)), 0.0)
    t, pull = center / deviation * np.sqrt(n), skewness / np.sqrt(n)
    corrected = t + pull * t**2 / 3.0 + pull**2 * t**3 / 27.0 + pull / 6.0
    return np.asarray(np.minimum(corrected, t) * deviation / np.sqrt(n), dtype=np.float64)


def mean_interval(samples: Floats, *, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided bootstrap interval of the mean, honest with few samples and with lopsided ones.

    The percentile interval with t's tail covers symmetric samples; the studentised one (Efron & Tibshirani 1993,
    section 12.5) follows the skew of lopsided ones but is a little short where tails are heavy. Each end is the outer
    one of the two. Below `MIN_STUDENTISED` samples Student's t (section 12.2 there) stands in for the studentised one:
    the percentiles of so few are coarse and fall short of a normal's. Coverage: `python -m benchmarks.verdict`.

    Args:
        samples: (n,) float64; NaN are left out.

    Returns:
        (low, high); both NaN when fewer than two samples are finite, because one says nothing about spread.
    """
    finite = samples[np.isfinite(samples)]
    if len(finite) < 2:
        return (float("nan"), float("nan"))
    low, high = mean_intervals(finite[None, :], resampling_weights(len(finite)), confidence=confidence)
    return (float(low[0]), float(high[0]))


def mean_intervals(rows: Floats, weights: Floats, *, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """`mean_interval` of each row.

    Args:
        rows: (m, n) float64, finite, n at least 2; weights: (draws, n) from `resampling_weights`.

    Returns:
        (m,) lows and (m,) highs.
    """
    n, tails = rows.shape[1], np.array([0.5 * (1.0 - confidence), 0.5 * (1.0 + confidence)])
    center, error = rows.mean(axis=1, keepdims=True), rows.std(axis=1, ddof=1) / np.sqrt(n)
    spread = resampled_means(rows - center, weights)
    low, high = np.quantile(spread, tails, axis=1) * small_sample_factor(n - 1, float(tails[0]))
    first, last = stdtrit(n - 1, tails)
    if n >= MIN_STUDENTISED:
        first, last = np.quantile(_studentised(rows - center, weights), tails, axis=1)
    return center[:, 0] + np.minimum(low, -last * error), center[:, 0] + np.maximum(high, -first * error)


def _studentised(centred: Floats, weights: Floats) -> Floats:
    """(m, draws) bootstrap means over their own standard errors; draws of equal samples count as 0."""
    n = centred.shape[1]
    means = centred @ weights.T
    variances = np.maximum(centred**2 @ weights.T - means**2, 0.0) / (n - 1)
    floor = 1e-9 * (centred**2).mean(axis=1, keepdims=True)
    return np.where(variances > floor, means / np.sqrt(np.maximum(variances, 1e-300)), 0.0)
