"""Ways to choose a checkpoint of a sweep, ours and the rivals', on trainings whose curves are known.

A rival that only says where to stop a training is told which learning rate to take, and its own settings, by the
other subjects: those that would have given them the highest utility in the oracle's eyes. No user has that advice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.selection_curves import SubjectCurves, TrialCurve
from benchmarks.selection_judge import worth
from benchmarks.selection_ours import NO_RACE, WAY, Outcome, Place, outcome, outcomes
from dbsweep.config.choosing import Choosing
from dbsweep.config.evaluate import Evaluate
from dbsweep.errors import RunError
from dbsweep.records.names import Metric
from dbsweep.selection.pick import ChoiceSettings

Floats: TypeAlias = npt.NDArray[np.float64]
Rule: TypeAlias = Callable[[TrialCurve], int]
"""Where a training is stopped, and the checkpoint of that moment taken: its index."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A subject's sweep with the truth about it.

    Attributes:
        utility: (trials, checkpoints) the oracle's; halves: (2, trials, checkpoints) by every other image alone.
    """

    curves: SubjectCurves
    utility: Floats
    halves: Floats

    @cached_property
    def ours(self) -> dict[str, Outcome]:
        """What dbsweep does, by the way in which it is run."""
        return outcomes(self.curves)

    @property
    def choice(self) -> Place:
        """What dbsweep chooses."""
        return self.ours[WAY].place

    def choice_with(self, choice: ChoiceSettings) -> Place:
        """What it would choose with other settings of the choice."""
        return self.run_again(choice=choice).place

    def choice_without_race(self, choosing: Choosing | None = None) -> Place:
        """What it would choose by the first looks."""
        return self.run_again(evaluate=NO_RACE, choosing=choosing).place

    def run_again(
        self,
        *,
        choice: ChoiceSettings | None = None,
        evaluate: Evaluate | None = None,
        choosing: Choosing | None = None,
    ) -> Outcome:
        """What it comes to with other settings, looked at while it trained as by default."""
        ours = self.ours[WAY]
        return outcome(
            self.curves, ours.ends, choice=choice, evaluate=evaluate, choosing=choosing, look_every=ours.look_every
        )

    @property
    def judged_closely(self) -> npt.NDArray[np.bool_]:
        """(trials, checkpoints) of which the oracle has seen the most pictures."""
        seen = np.array([[len(point.oracle.identity) for point in trial.checkpoints] for trial in self.curves.trials])
        return np.asarray(seen == seen.max())

    @property
    def places(self) -> list[Place]:
        """All checkpoints."""
        return [(t, c) for t, trial in enumerate(self.curves.trials) for c in range(len(trial.checkpoints))]


def judged(curves: SubjectCurves) -> Judged:
    """Asks the oracle about every checkpoint."""

    def table(half: int | None) -> Floats:
        return np.array([[worth(p.oracle, curves, half).utility for p in trial.checkpoints] for trial in curves.trials])

    return Judged(curves, table(None), np.array([table(0), table(1)]))


def best_by(curves: SubjectCurves, value: Callable[[TrialCurve], Sequence[float]]) -> Place:
    """The checkpoint of the sweep with the highest value; NaN is none, equal values go to the first."""
    rows = np.array([value(trial) for trial in curves.trials], dtype=np.float64)
    if np.isnan(rows).all():
        raise RunError(f"subject {curves.seed}: no checkpoint has a number to choose by")
    trial, point = np.unravel_index(int(np.nanargmax(rows)), rows.shape)
    return int(trial), int(point)


def metric_curve(metric: Metric) -> Callable[[TrialCurve], list[float]]:
    """The means of a metric along a training."""
    return lambda trial: [point.card.values[metric] for point in trial.checkpoints]


def clip_patience(trial: TrialCurve, *, gain: float, patience: int) -> int:
    """Stops when CLIP-I has not risen by more than `gain` over its best for more than `patience` checkpoints.

    Early stopping by CLIP image similarity, as Voronov et al. 2023 compare with ("CLIP-s"; gain 0.05, and 5 or 10
    checks in their program). CLIP-I is the plain cosine.
    """
    values = metric_curve(Metric.SUBJECT_FIDELITY)(trial)
    best, waited = values[0], 0
    for index, value in enumerate(values[1:], start=1):
        if value > best + gain:
            best, waited = value, 0
        else:
            waited += 1
            if waited > patience:
                return index
    return len(values) - 1


def dvar(trial: TrialCurve, *, window: int, threshold: float) -> int:
    """Stops when the deterministic loss has settled: variance of its last `window` values over that of all, below
    `threshold`.

    Voronov et al. 2023, "Is This Loss Informative? Faster Text-to-Image Customization by Tracking Objective Dynamics"
    (arXiv 2302.04841), algorithm 1. The loss is the training objective on a fixed batch with fixed noise and
    timesteps. Their program measures it at every step, ours at every `TrialCurve.loss_every`-th. The checkpoint taken
    is the first at or after the stop.
    """
    settled = _settles_at(trial.training_loss, window, threshold)
    if settled is None:
        return len(trial.steps) - 1
    return min(int(np.searchsorted(trial.steps, settled * trial.loss_every)), len(trial.steps) - 1)


@cache
def _settles_at(losses: tuple[float, ...], window: int, threshold: float) -> int | None:
    """How many losses have been measured when they have settled; None if they never do."""
    history = np.array(losses)
    for count in range(window, len(history) + 1):
        total = history[:count].var()
        if total > 0.0 and history[count - window : count].var() / total < threshold:
            return count
    return None


def advised(subject: Judged, others: Sequence[Judged], rules: Iterable[Rule]) -> Place:
    """What the rule and the learning rate do here that served the other subjects best.

    Args:
        others: without the subject itself.
        rules: of one kind, with different settings.
    """
    trials = range(len(subject.curves.trials))

    def worth_to_others(choice: tuple[Rule, int]) -> float:
        rule, trial = choice
        return float(np.mean([other.utility[trial, rule(other.curves.trials[trial])] for other in others]))

    rule, trial = max(product(list(rules), trials), key=worth_to_others)
    return trial, rule(subject.curves.trials[trial])


def at_any_rate(subject: Judged, others: Sequence[Judged], rules: Iterable[Rule]) -> list[Place]:
    """As `advised`, but the learning rate is any of the sweep's."""

    def worth_to_others(rule: Rule) -> float:
        places = [(other, t, rule(trial)) for other in others for t, trial in enumerate(other.curves.trials)]
        return float(np.mean([other.utility[t, place] for other, t, place in places]))

    rule = max(rules, key=worth_to_others)
    return [(t, rule(trial)) for t, trial in enumerate(subject.curves.trials)]


def _fixed_epochs(index: int) -> Rule:
    return lambda trial: range(len(trial.steps))[index]


def _fixed_steps(steps: int) -> Rule:
    return lambda trial: min(int(np.searchsorted(trial.steps, steps)), len(trial.steps) - 1)


def _patient(gain: float, patience: int) -> Rule:
    return lambda trial: clip_patience(trial, gain=gain, patience=patience)


def _settled(window: int, threshold: float) -> Rule:
    return lambda trial: dvar(trial, window=window, threshold=threshold)


def _lengths(subjects: Sequence[Judged]) -> list[int]:
    """All numbers of steps that a checkpoint has."""
    return sorted({step for subject in subjects for trial in subject.curves.trials for step in trial.steps})


PATIENT: Final = [_patient(gain, patience) for gain in (0.0, 0.01, 0.02, 0.05) for patience in (0, 1, 2, 3)]
SETTLED: Final = [_settled(w, t) for w in (4, 8, 12, 16, 24) for t in (0.02, 0.05, 0.1, 0.15, 0.25, 0.39, 0.6)]
"""Window and threshold of DVAR; 0.15 and 0.39 are those of its authors' program."""

RULES: Final[dict[str, Callable[[Sequence[Judged]], Sequence[Rule]]]] = {
    "last_checkpoint": lambda others: [_fixed_epochs(-1)],
    "fixed_epochs": lambda others: [_fixed_epochs(index) for index in range(others[0].utility.shape[1])],
    "fixed_steps": lambda others: [_fixed_steps(steps) for steps in _lengths(others)],
    "clip_patience": lambda others: PATIENT,
    "dvar": lambda others: SETTLED,
}
"""Rules that only say where to stop, with the settings that others may recommend."""

Method: TypeAlias = Callable[[Judged, Sequence[Judged]], list[Place]]
"""The choice for a subject, given others to learn from; of several places each is as likely."""


def _told(name: str) -> Method:
    return lambda subject, others: [advised(subject, others, RULES[name](others))]


def _untold(name: str) -> Method:
    return lambda subject, others: at_any_rate(subject, others, RULES[name](others))


METHODS: Final[dict[str, Method]] = {
    "dbsweep": lambda subject, others: [subject.choice],
    **{name: _told(name) for name in RULES},
    "max_clip_i": lambda subject, others: [best_by(subject.curves, metric_curve(Metric.SUBJECT_FIDELITY))],
    "max_clip_t": lambda subject, others: [best_by(subject.curves, metric_curve(Metric.PROMPT_FIDELITY))],
    "min_validation_loss": lambda subject, others: [
        best_by(subject.curves, lambda trial: [-point.validation_loss for point in trial.checkpoints])
    ],
    "random": lambda subject, others: subject.places,
}
UNTOLD: Final[dict[str, Method]] = {name: _untold(name) for name in RULES}
"""The same rules with their own settings recommended, and nothing said of the learning rate."""


def regret(subject: Judged, places: Sequence[Place]) -> float:
    """The oracle's utility of the best checkpoint of the sweep less that of the chosen one, 0 to 1."""
    return float(subject.utility.max() - np.mean([subject.utility[place] for place in places]))


def fair_regret(subject: Judged, places: Sequence[Place]) -> float:
    """As `regret`, but the best checkpoint is found by one half of the oracle's images and measured by the other.

    The maximum of many noisy utilities is above the best true one; this estimate is free of that, and can be below 0.
    """
    found = []
    for one, other in ((0, 1), (1, 0)):
        best = np.unravel_index(int(subject.halves[one].argmax()), subject.utility.shape)
        found.append(subject.halves[other][best] - np.mean([subject.halves[other][place] for place in places]))
    return float(np.mean(found))


def regrets(
    subjects: Sequence[Judged], *, fair: bool = False, methods: Mapping[str, Method] = METHODS
) -> dict[str, Floats]:
    """(subjects,) regret of each method; each subject is left out of what the methods learn from.

    Raises:
        ValueError: with one subject there are no others to learn from.
    """
    if len(subjects) < 2:
        raise ValueError(f"rivals learn from other subjects: at least 2 are needed, got {len(subjects)}")
    measure = fair_regret if fair else regret
    rows = {}
    for name, method in methods.items():
        found = []
        for subject in subjects:
            others = [other for other in subjects if other is not subject]
            found.append(measure(subject, method(subject, others)))
        rows[name] = np.array(found)
    return rows
