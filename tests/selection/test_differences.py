"""Certainty of the difference of two utilities: paired, bounded, and honest with few samples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dbsweep.config.choosing import Choosing, Weights
from dbsweep.records.names import Metric
from dbsweep.records.results import Scorecard
from dbsweep.selection.differences import step_back, utility_difference, utility_lead
from dbsweep.selection.utility import Utility, utility_for
from tests.selection.curves import card

STYLE_ALONE = utility_for(Choosing(weights=Weights(identity=0, prior=0), enough_style=1.0), None)
"""Under it the utility is the mean of the style samples, clipped."""


def styled(*style: float) -> Scorecard:
    return card("c", {Metric.IDENTITY: [0.8] * 4, Metric.STYLE: style, Metric.PRIOR: [0.8] * 4})


def test_the_standard_error_of_one_metric_is_that_of_the_mean_difference() -> None:
    """Differences 0.1, 0.3, 0.1, 0.3: s = 0.1155, s / √4 = 0.0577. A shift that all samples share has none."""
    a, b = styled(0.7, 0.9, 0.7, 0.9), styled(0.6, 0.6, 0.6, 0.6)
    assert step_back(a, b, STYLE_ALONE, 20_000, 0).error == pytest.approx(0.0577, rel=0.03)
    assert step_back(styled(0.3, 0.5), styled(0.4, 0.6), STYLE_ALONE, 2000, 0).error == pytest.approx(0.0)


def test_the_expected_loss_is_that_of_a_normal_difference() -> None:
    """Differences ±0.2 in turn, 64 of them, and 0.01 on average: s/√n = 0.2016/8 = 0.0252, z = 0.01/0.0252 = 0.397, and
    E max(D, 0) = 0.0252 φ(z) + 0.01 Φ(z) = 0.0252 · 0.3687 + 0.01 · 0.6543 = 0.0158. What is sure is lost as it is."""
    wave = np.tile([0.2, -0.2], 32)
    back = step_back(styled(*(0.51 + wave)), styled(*[0.5] * 64), STYLE_ALONE, 40_000, 0)
    assert back.lead == pytest.approx(0.01)
    assert back.expected_loss == pytest.approx(0.0158, rel=0.03)
    sure = step_back(styled(0.5, 0.7), styled(0.4, 0.6), STYLE_ALONE, 2000, 0)
    assert (sure.lead, sure.expected_loss) == pytest.approx((0.1, 0.1))


def test_an_interval_stays_within_what_utilities_can_be() -> None:
    """Style samples from -0.5 to 0.6 against 0.62: the lead cannot be more than 0.62, nor b's utility below 0."""
    low, high = utility_lead(styled(0.62, 0.62, 0.62, 0.62), styled(-0.5, 0.6, -0.3, 0.3), Utility(), 5000, 0)
    assert -1.0 <= low < high <= 0.75  # 3 / (1/.8 + 1/.62 + 1/.8) = 0.73


def test_one_sample_gives_no_interval() -> None:
    assert all(math.isnan(end) for end in utility_lead(styled(0.8), styled(0.7), Utility(), 500, 0))


def test_a_sample_that_one_misses_is_left_out_for_both() -> None:
    """Without the seed that is hardest for b, 0.5 against 0.49."""
    a, b = styled(0.6, 0.5, 0.4, math.nan), styled(0.59, 0.49, 0.39, 0.1)
    assert utility_difference(a, b, STYLE_ALONE) == pytest.approx(0.01)
    back, (low, high) = step_back(a, b, STYLE_ALONE, 500, 0), utility_lead(a, b, STYLE_ALONE, 500, 0)
    assert [back.lead, back.expected_loss, low, high] == pytest.approx([0.01] * 4)


def test_all_metrics_are_compared_over_the_same_images_where_one_of_them_is_missing() -> None:
    """a's last style is missing: without it the styles are 0.5 and 0.49, with it b's mean would be 0.3925."""
    a, b = styled(0.6, 0.5, 0.4, math.nan), styled(0.59, 0.49, 0.39, 0.1)
    both = [3 / (1 / 0.8 + 1 / (style * 0.8) + 1 / 0.8) for style in (0.5, 0.49)]
    assert utility_difference(a, b, Utility()) == pytest.approx(both[0] - both[1])


def test_a_metric_of_one_sample_is_as_it_is() -> None:
    """Nothing is known of its scatter: what is lost is the difference."""
    back = step_back(styled(0.8), styled(0.6), STYLE_ALONE, 500, 0)
    assert (back.lead, back.error, back.expected_loss) == pytest.approx((0.2, 0.0, 0.2))


def test_metrics_scatter_independently() -> None:
    """Identity and prior of b each ±0.04 about a's: the standard error of either in the mean is 0.046 / √4 / 2, and of
    both together √2 times that, not twice: their samples are of other images."""
    wave = 0.04 * np.array([1.0, -1.0, 1.0, -1.0])
    both = Utility(weights={Metric.IDENTITY: 1.0, Metric.PRIOR: 1.0})
    a = card("a", {Metric.IDENTITY: [0.6] * 4, Metric.PRIOR: [0.6] * 4})
    b = card("b", {Metric.IDENTITY: 0.6 + wave, Metric.PRIOR: 0.6 + wave})
    error = 0.04 * math.sqrt(4 / 3) / math.sqrt(4) / 2
    assert step_back(a, b, both, 20_000, 0).error == pytest.approx(math.sqrt(2) * error, rel=0.05)


def test_intervals_cover_the_true_lead() -> None:
    """400 pairs of checkpoints with 4 samples each, true style 0.7 and 0.6: 95% intervals hold 0.1 in 93% or more."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        a, b = 0.7 + rng.normal(0, 0.06, 4), 0.6 + rng.normal(0, 0.06, 4)
        low, high = utility_lead(styled(*a), styled(*b), STYLE_ALONE, 500, 0)
        hits += low <= 0.1 <= high
    assert 0.93 <= hits / 400 <= 0.99
