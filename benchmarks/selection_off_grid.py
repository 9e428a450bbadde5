"""What ending trials costs where the best learning rate is not swept: sweeps of two of the three rates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np

from benchmarks.selection_curves import SubjectCurves
from benchmarks.selection_methods import Judged, judged, regret
from benchmarks.selection_ours import outcome_by

RATES: Final = ("low", "middle", "high")
COMPARED: Final = ("spaced_patient", "spaced", "spaced_behind", "spaced_halved")
"""Ways of running dbsweep that differ in how sure they are before they end a trial for another one."""


def off_grid(subjects: Sequence[Judged]) -> dict[str, dict[str, float]]:
    """By the two rates that are left and the way: regret among their checkpoints, and how many times fewer steps.

    Empty where the trials are not one for each of three rates.
    """
    if any(
        {len(subject.curves.trials), len(subject.curves.trials[0].swept)} != {len(RATES), 1} for subject in subjects
    ):
        return {}
    found: dict[str, dict[str, float]] = {}
    for kept in combinations(range(len(RATES)), 2):
        two = [judged(_only(subject.curves, kept)) for subject in subjects]
        found |= {f"{RATES[kept[0]]} and {RATES[kept[1]]}, {way}": _by_way(two, way) for way in COMPARED}
    return found


def _only(curves: SubjectCurves, kept: Sequence[int]) -> SubjectCurves:
    """The sweep of these rates alone, counted from the lowest."""
    trials = sorted(curves.trials, key=lambda trial: trial.learning_rate)
    return curves.model_copy(update={"trials": tuple(trials[place] for place in kept)})


def _by_way(subjects: Sequence[Judged], way: str) -> dict[str, float]:
    lost, steps, trained = [], 0, 0
    for subject in subjects:
        ours, trials = outcome_by(subject.curves, way), subject.curves.trials
        lost.append(regret(subject, [ours.place]))
        steps += sum(trial.steps[-1] for trial in trials)
        trained += sum(trial.steps[end] for trial, end in zip(trials, ours.ends, strict=True))
    return {"regret": float(np.mean(lost)), "steps_saved": steps / trained}
