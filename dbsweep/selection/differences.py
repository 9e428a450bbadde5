"""How certain the difference of two checkpoints' utilities is: a bootstrap of paired samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dbsweep.records.names import Metric
from dbsweep.records.results import Scorecard
from dbsweep.selection.resampling import (
    Floats,
    resampled_means,
    resampling_weights,
    small_sample_factor,
)
from dbsweep.selection.utility import Utility


@dataclass(frozen=True, slots=True)
class StepBack:
    """What it means to take one checkpoint in place of a better one, by a bootstrap of the difference D of utilities.

    Attributes:
        lead: D as measured.
        error: standard error of D; 0 where no metric has two paired samples.
        expected_loss: mean of max(D, 0): how much is lost where the better one really is better, weighed by how likely
            that is. It grows with the error: scores that can hardly tell the two apart do not show that they are alike.
    """

    lead: float
    error: float
    expected_loss: float


def step_back(better: Scorecard, other: Scorecard, utility: Utility, resamples: int, seed: int) -> StepBack:
    """From the better checkpoint to the other; the draws of the bootstrap stand for what D may truly be (Hastie,
    Tibshirani & Friedman 2009, "The Elements of Statistical Learning", section 8.4)."""
    draws = _draws(better, other, utility, resamples, seed)
    return StepBack(
        lead=utility_difference(better, other, utility),
        error=float(draws.std(ddof=1)),
        expected_loss=float(np.maximum(draws, 0.0).mean()),
    )


def utility_lead(a: Scorecard, b: Scorecard, utility: Utility, resamples: int, seed: int) -> tuple[float, float]:
    """95% interval of a's utility minus b's, of these two alone: that b may be the best of many is not corrected for.

    The percentile interval of utilities whose means are drawn with t's wider tail for each metric's number of samples;
    utilities stay between 0 and 1, so an interval never promises a lead that cannot be.

    Returns:
        (low, high); NaN where some metric has less than two paired samples.
    """
    fewest = min(paired(a, b, metric).shape[1] for metric in utility.weights)
    if fewest < 2:
        return (float("nan"), float("nan"))
    low, high = np.quantile(_draws(a, b, utility, resamples, seed, wide=True), [0.025, 0.975])
    return (float(low), float(high))


def chance_ahead(a: Scorecard, b: Scorecard, lead: float, utility: Utility, resamples: int, seed: int) -> float:
    """Share of the draws of `utility_lead` in which a's utility is above b's by more than a lead; NaN as there."""
    if min(paired(a, b, metric).shape[1] for metric in utility.weights) < 2:
        return float("nan")
    return float((_draws(a, b, utility, resamples, seed, wide=True) > lead).mean())


def paired(a: Scorecard, b: Scorecard, metric: Metric) -> Floats:
    """(2, n) float64 samples of a metric that both cards have as numbers.

    A card of more images begins with the samples of the first look (`dbsweep.scoring.scorecard`), so that cards of
    different size are paired as far as the smaller one goes.
    """
    rows = [card.scores[metric].samples for card in (a, b)]
    samples = np.array([row[: min(map(len, rows))] for row in rows], dtype=np.float64)
    return samples[:, np.isfinite(samples).all(axis=0)]


def utility_difference(a: Scorecard, b: Scorecard, utility: Utility) -> float:
    """a's utility minus b's, over the images that both have where one has drawn more, or shows nothing on some."""
    if all(_same_images(a, b, metric) for metric in utility.weights):
        return utility.value_of(a) - utility.value_of(b)
    means = {metric: paired(a, b, metric).mean(axis=1) for metric in utility.weights}
    first, second = (utility.value({metric: float(both[i]) for metric, both in means.items()}) for i in (0, 1))
    return first - second


def _same_images(a: Scorecard, b: Scorecard, metric: Metric) -> bool:
    first, second = (np.isfinite(card.scores[metric].samples) for card in (a, b))
    return np.array_equal(first, second)


def paired_mean_draws(a: Scorecard, b: Scorecard, metric: Metric, seed: int, resamples: int, tail: float) -> Floats:
    """(2, resamples) bootstrap means of a metric, prompts and seeds resampled in pairs, honest at a tail.

    The draws are stretched by `small_sample_factor` at `tail`. Metrics differ in their number of samples, so each has
    its own weights: give each its own seed.
    """
    means = _mean_draws(a, b, metric, seed, resamples)
    center = means.mean(axis=1, keepdims=True)
    draws: Floats = center + small_sample_factor(paired(a, b, metric).shape[1] - 1, tail) * (means - center)
    return draws


def _draws(a: Scorecard, b: Scorecard, utility: Utility, resamples: int, seed: int, *, wide: bool = False) -> Floats:
    """(resamples,) differences of the utilities, with the samples of each metric resampled in pairs; wide: t's tail."""
    means = {}
    for index, metric in enumerate(utility.weights):
        draw = (a, b, metric, seed + index, resamples)
        means[metric] = paired_mean_draws(*draw, tail=0.025) if wide else _mean_draws(*draw)
    first, second = utility.values(means)
    return np.asarray(first - second, dtype=np.float64)


def _mean_draws(a: Scorecard, b: Scorecard, metric: Metric, seed: int, resamples: int) -> Floats:
    """(2, resamples) bootstrap means."""
    samples = paired(a, b, metric)
    if samples.shape[1] < 2:  # nothing to resample: the spread of this metric is unknown and adds none
        return np.repeat([[a.value(metric)], [b.value(metric)]], resamples, axis=1)
    return resampled_means(samples, resampling_weights(samples.shape[1], resamples, seed))
