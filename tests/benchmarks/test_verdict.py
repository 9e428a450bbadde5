"""The verdict's error rates, on few made-up trainings; `python -m benchmarks.verdict` takes more."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.verdict import UNCHANGED, chance_alarms, coverage, false_alarms, power, prior_power
from benchmarks.verdict_curves import WOBBLES, draw_cards
from dbsweep.records.names import Metric


@pytest.mark.parametrize("wobble", WOBBLES)
def test_wobbles_have_mean_0_and_deviation_1(wobble: str) -> None:
    rows = WOBBLES[wobble](np.random.default_rng(0), (4, 50_000))
    assert rows.mean(axis=1) == pytest.approx(np.zeros(4), abs=0.03)
    assert rows.std(axis=1) == pytest.approx(np.ones(4), abs=0.05)


@pytest.mark.parametrize(("looks", "planned"), [(3, 10), (10, 10), (20, 10), (20, 20)])
@pytest.mark.parametrize("wobble", ["independent", "drifting"])
def test_no_change_is_rarely_called_overtrained(wobble: str, looks: int, planned: int) -> None:
    """A/A, whatever the number of looks and of planned ones."""
    level, scatter = UNCHANGED["nothing learnt"]
    assert false_alarms(level, wobble, looks=looks, planned=planned, scatter=scatter, trainings=100) <= 0.05


def test_a_lack_of_pictures_far_better_than_the_rest_is_rarely_called_overtrained() -> None:
    """A/A at what is just enough: without the correction for skewness 6% of these trainings are alarmed."""
    level, scatter = UNCHANGED["just enough"]
    assert false_alarms(level, "lucky", looks=3, planned=3, scatter=scatter, trainings=600) <= 0.05


def test_the_base_models_prior_is_exact_and_its_style_scatters() -> None:
    base, *_ = draw_cards(
        [(0.0, 1.0, 1.0)], seeds=4, prompts=2, scatter=0.5, wobble=WOBBLES["lucky"], rng=np.random.default_rng(0)
    )
    assert base.scores[Metric.PRIOR].samples == (1.0,) * 4
    assert base.value(Metric.STYLE) == pytest.approx(1.0)
    assert np.std(base.scores[Metric.STYLE].samples) > 0.2


@pytest.mark.parametrize(
    ("wobble", "looks", "trainings"),
    [("drifting", 8, 300), ("independent", 3, 300), pytest.param("drifting", 30, 150, marks=pytest.mark.slow)],
)
def test_chance_alone_is_rarely_taken_for_a_fall_however_small_falls_may_be(
    wobble: str, looks: int, trainings: int
) -> None:
    """A/A without any smallest fall. Without t's tail it is 16%, with a whole error at each look 23%, with one for each
    metric 6% of trainings of eight looks; of thirty looks 5.3% if all of them counted as degrees of freedom."""
    assert chance_alarms(wobble, looks=looks, trainings=trainings) <= 0.05


def test_a_fall_of_style_is_seen_within_two_looks() -> None:
    """By 0.3 below what is enough, with 16 samples that scatter by 0.15."""
    assert power(0.3, seeds=8, prompts=2, scatter=0.15, trainings=60) >= 0.9


def test_a_prior_that_is_gone_at_the_first_look_is_seen_within_two_looks() -> None:
    """By 0.5 below what is enough, with 8 samples that scatter by 0.15."""
    assert prior_power(0.5, seeds=8, scatter=0.15, trainings=60) >= 0.9


@pytest.mark.parametrize(("samples", "wobble"), [(8, "independent"), (4, "heavy"), (4, "skewed"), (8, "skewed")])
def test_coverage_of_paired_differences(samples: int, wobble: str) -> None:
    """Standard error 0.3%; the percentile interval of four skewed samples covers 92.4%.

    Of eight skewed ones the outer of percentile and studentised interval covers 92.5% without t's tail.
    """
    assert 0.93 <= coverage(samples, wobble, trials=8000) <= 0.97
