"""Each way of choosing, on two trainings whose answer is known, and the arithmetic of regret."""

from __future__ import annotations

import dataclasses
from itertools import chain

import numpy as np
import pytest

from benchmarks.selection_methods import (
    METHODS,
    PATIENT,
    UNTOLD,
    Judged,
    advised,
    best_by,
    clip_patience,
    dvar,
    fair_regret,
    metric_curve,
    regret,
    regrets,
)
from dbsweep.errors import RunError
from dbsweep.records.names import Metric
from tests.benchmarks.selection_sweeps import GENTLE, HARD, TRUTH, subject, sweep, trial

FALLING = [1.0, 0.6, 0.4, 0.3, 0.29, 0.29, 0.29, 0.29]
"""A deterministic loss that settles at its fourth value."""


def test_regret_by_hand() -> None:
    """The best is worth 0.8. Choosing 0.6 costs 0.2; one of 0.7 and 0.1 by chance costs 0.8 - 0.4."""
    assert regret(subject(), [(1, 1)]) == pytest.approx(0.2)
    assert regret(subject(), [(0, 2), (1, 3)]) == pytest.approx(0.4)
    assert regret(subject(), [(0, 3)]) == 0.0


def test_fair_regret_finds_the_best_in_one_half_and_measures_it_in_the_other() -> None:
    """Half 0 takes the first for the best, half 1 the second; both are worth 0.5 to the other half."""
    halves = np.array([[[0.9, 0.5]], [[0.5, 0.7]]])
    judged = Judged(sweep(trial(GENTLE[:2])), halves.mean(axis=0), halves)
    # Choosing the first: (0.5 - 0.5) measured in half 1, (0.5 - 0.9) measured in half 0.
    assert fair_regret(judged, [(0, 0)]) == pytest.approx((0.0 - 0.4) / 2)
    assert fair_regret(judged, [(0, 1)]) == pytest.approx((-0.2 + 0.0) / 2)


def test_max_clip_i_and_max_clip_t() -> None:
    curves = subject().curves
    assert best_by(curves, metric_curve(Metric.IDENTITY)) == (0, 3)
    assert best_by(curves, metric_curve(Metric.PROMPT_FIDELITY)) == (0, 0)


def test_nan_is_not_the_best_and_all_nan_is_an_error() -> None:
    curves = subject().curves
    assert best_by(curves, lambda trial: [float("nan"), 1.0, 2.0, float("nan")]) == (0, 2)
    with pytest.raises(RunError, match="no checkpoint has a number"):
        best_by(curves, lambda trial: [float("nan")] * 4)


def test_min_validation_loss() -> None:
    curves = sweep(trial(GENTLE, validation=[3, 2, 1.5, 1.6]), trial(HARD, rate=1e-4, validation=[2, 1.4, 3, 4]))
    judged = Judged(curves, TRUTH, np.array([TRUTH, TRUTH]))
    assert METHODS["min_validation_loss"](judged, []) == [(1, 1)]


@pytest.mark.parametrize(
    ("gain", "patience", "index"),
    [
        (0.0, 0, 2),  # HARD's identity is 0.6, 0.8, 0.8, 0.8: the third is the first without a gain
        (0.0, 1, 3),
        (0.3, 0, 1),  # 0.2 is no gain
        (0.0, 5, 3),  # never out of patience
    ],
)
def test_clip_patience(gain: float, patience: int, index: int) -> None:
    assert clip_patience(trial(HARD), gain=gain, patience=patience) == index


@pytest.mark.parametrize(
    ("window", "threshold", "index"),
    [
        # var(0.6, 0.4) = 0.01 of var(1, 0.6, 0.4) = 0.0622: below 0.2 after 3 losses, at step 15: checkpoint 20.
        (2, 0.2, 1),
        (2, 1e-6, 2),  # the window is flat after 6 losses, at step 30
        (4, 1e-6, 3),  # after 8, at step 40
        (2, 0.0, 3),  # nothing is below 0
    ],
)
def test_dvar(window: int, threshold: float, index: int) -> None:
    assert dvar(trial(GENTLE, losses=FALLING), window=window, threshold=threshold) == index


def test_a_rival_takes_what_served_the_others_best() -> None:
    """To others the second training's second checkpoint was worth most, whatever it is worth here."""
    other = np.array([[0.1, 0.1, 0.1, 0.1], [0.2, 0.9, 0.2, 0.2]])
    assert METHODS["fixed_epochs"](subject(), [subject(other), subject(other)]) == [(1, 1)]
    assert METHODS["fixed_steps"](subject(), [subject(other), subject(other)]) == [(1, 1)]
    assert METHODS["last_checkpoint"](subject(), [subject(other)]) == [(1, 3)]
    # HARD's stop with patience 0 is its third checkpoint unless a gain of 0.1 is asked; 0.2 is more than that.
    assert advised(subject(), [subject(np.array([[0, 0, 0, 0], [0, 0, 1.0, 0]]))], PATIENT) == (1, 2)


def test_without_a_learning_rate_every_one_is_as_likely() -> None:
    """The other's second checkpoints are worth most on average, whichever training holds the best of all."""
    other = subject(np.array([[0.1, 0.5, 0.1, 0.1], [0.1, 0.5, 0.1, 0.8]]))
    assert METHODS["fixed_epochs"](subject(), [other]) == [(1, 3)]
    assert UNTOLD["fixed_epochs"](subject(), [other]) == [(0, 1), (1, 1)]


def test_steps_and_epochs_are_told_apart() -> None:
    """The other's best lies at step 20, its second checkpoint; here checkpoints lie at 20, 40, 60 and 80."""
    curves = subject().curves
    slower = tuple(
        t.model_copy(update={"checkpoints": tuple(p.model_copy(update={"step": 2 * p.step}) for p in t.checkpoints)})
        for t in curves.trials
    )
    here = dataclasses.replace(subject(), curves=curves.model_copy(update={"trials": slower}))
    other = subject(np.array([[0.1, 0.9, 0.1, 0.1], [0.1, 0.1, 0.1, 0.1]]))
    assert METHODS["fixed_steps"](here, [other]) == [(0, 0)]
    assert METHODS["fixed_epochs"](here, [other]) == [(0, 1)]
    beyond = subject(np.array([[0.1, 0.1, 0.1, 0.9], [0.1, 0.1, 0.1, 0.1]]))
    assert METHODS["fixed_steps"](subject(), [dataclasses.replace(beyond, curves=here.curves)]) == [(0, 3)]


def test_random_is_the_mean_over_all_checkpoints() -> None:
    assert len(METHODS["random"](subject(), [])) == 8
    assert regret(subject(), METHODS["random"](subject(), [])) == pytest.approx(0.8 - TRUTH.mean())


def test_a_subject_never_advises_itself() -> None:
    """Two subjects with opposite truths: each is given the other's best, and both choose wrongly."""
    mirrored = TRUTH[::-1].copy()
    rows = regrets([subject(), subject(mirrored, seed=101)])
    assert rows["fixed_steps"] == pytest.approx([0.8 - 0.1, 0.8 - 0.1])
    assert list(rows) == list(METHODS)
    assert all(np.isfinite(list(chain.from_iterable(rows.values()))))


def test_one_subject_is_too_few() -> None:
    with pytest.raises(ValueError, match="at least 2 are needed, got 1"):
        regrets([subject()])
