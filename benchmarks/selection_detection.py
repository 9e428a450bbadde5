"""Does the verdict see overtraining when the oracle does? Onset, false alarms, and the detector's AUC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.selection_curves import SubjectCurves, TrialCurve, name_of
from benchmarks.selection_methods import Judged
from benchmarks.selection_ours import WAY
from benchmarks.selection_race import looks
from benchmarks.selection_schedule import WAYS
from dbsweep.records.names import BASE, Metric, VerdictState
from dbsweep.records.results import Scorecard
from dbsweep.selection.overtraining import most_that_counts
from dbsweep.selection.utility import Utility
from dbsweep.selection.verdict import judge
from dbsweep.selection.verdict_settings import WATCHED, VerdictSettings

Floats: TypeAlias = npt.NDArray[np.float64]

FALL: Final = 0.1
"""By how much of the oracle's utility more training must have made a model worse, for good, to be overtraining."""
OVERTRAINED: Final = (VerdictState.OVERTRAINED, VerdictState.COLLAPSED)


def true_onset(utility: Floats, fall: float = FALL) -> int:
    """Index of the first checkpoint from which the utility stays below its earlier best by `fall`; n if there is none.

    Args:
        utility: (n,) of the oracle, along one training.
    """
    best = np.maximum.accumulate(utility)
    lost = best - utility >= fall
    held = np.flatnonzero(~lost)
    return int(held[-1]) + 1 if len(held) else 0


def told_onset(
    trial: TrialCurve,
    curves: SubjectCurves,
    settings: VerdictSettings | None = None,
    look_every: int = 1,
    end: int | None = None,
) -> int:
    """Index of the onset in the product's verdict on a training; n if it does not call it overtrained.

    Args:
        end: index of the last checkpoint that was trained; the whole training when None.
    """
    planned = looks(trial, look_every)
    last = trial.steps[-1 if end is None else end]
    cards = [(point.step, point.card.card(name_of(trial, point))) for point in planned if point.step <= last]
    verdict = judge(
        cards,
        curves.base.card(BASE),
        finished=True,
        steps_per_epoch=curves.steps_per_epoch,
        settings=(settings or VerdictSettings()).for_looks(len(planned)),
    )
    if verdict.state not in OVERTRAINED or verdict.onset_step is None:
        return len(trial.checkpoints)
    return trial.steps.index(verdict.onset_step)


def severity(cards: Sequence[Scorecard], settings: VerdictSettings) -> Floats:
    """(n - 1,) how much the verdict sees given away at each card after the first.

    The largest fall of style or prior since an earlier card, less the part that the gain of identity pays for, or as
    far as the utility fell with it, or all of it where nothing is left: the quantities that
    `dbsweep.selection.overtraining` holds against its thresholds, before it asks about chance. 0 where nothing fell.

    Args:
        cards: the base model's first; values count as far as there is something to lose.
    """
    enough = [most_that_counts(metric, settings) for metric in WATCHED]
    values = np.minimum([[card.value(metric) for metric in WATCHED] for card in cards], enough)
    identity = np.array([card.value(Metric.IDENTITY) for card in cards])
    utility = Utility(enough_style=settings.enough_style, enough_prior=settings.enough_prior)
    worth = np.array([utility.value_of(card) for card in cards])
    found = []
    for after in range(1, len(cards)):
        falls = values[:after] - values[after]
        paid = np.maximum(identity[after] - identity[:after], 0.0) / settings.fair_price
        ruined = np.minimum(falls, (worth[:after] - worth[after])[:, None])
        lost = np.where(values[after] <= settings.lost_level, falls, 0.0)
        found.append(float(np.nanmax([falls - paid[:, None], ruined, lost, np.zeros_like(falls)])))
    return np.array(found)


def auc(scores: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Chance that a positive has a higher score than a negative, ties counting half; NaN without both kinds.

    Mann & Whitney 1947's U over the number of pairs.
    """
    up, down = scores[positive], scores[~positive]
    if len(up) == 0 or len(down) == 0:
        return float("nan")
    above = (up[:, None] > down[None, :]).mean()
    ties = (up[:, None] == down[None, :]).mean()
    return float(above + 0.5 * ties)


def detection(
    subjects: Sequence[Judged], settings: VerdictSettings | None = None, *, fall: float = FALL, way: str = WAY
) -> dict[str, float]:
    """The keys `onset_within_1`, `onset_as_ended`, `auc` and `false_alarms`, and what they are shares of.

    All are by the checkpoints that are looked at while a trial trains. `onset_within_1`: share of trainings whose told
    onset is at most one checkpoint, looked at or not, from the true one, "none" being the place after the last.
    `onset_as_ended`: the same of the trainings as they were ended, with nothing to be told after their ends. `auc`:
    of `severity` for lying at or after the true onset. `false_alarms`: of the trainings that are never overtrained, the
    share that is called so.

    Args:
        way: of `WAYS`, which says how far apart looks are.
    """
    settings = settings or VerdictSettings()
    truth, told, lengths, scores, positive, ended = [], [], [], [], [], []
    for subject in subjects:
        curves, base = subject.curves, subject.curves.base.card(BASE)
        look_every = WAYS[way].look_every(curves)
        for row, trial, end in zip(subject.utility, curves.trials, subject.ours[way].ends, strict=True):
            truth.append(true_onset(row, fall))
            told.append(told_onset(trial, curves, settings, look_every))
            lengths.append(len(row))
            known = (truth[-1], told_onset(trial, curves, settings, look_every, end))
            ended.append(abs(min(known[0], end + 1) - min(known[1], end + 1)) <= 1)
            seen = looks(trial, look_every)
            cards = [base, *(point.card.card(name_of(trial, point)) for point in seen)]
            scores.append(severity(cards, settings))
            positive.append(np.array([trial.steps.index(point.step) for point in seen]) >= truth[-1])
    true, said, none = np.array(truth), np.array(told), np.array(lengths)
    sound = true == none
    return {
        "onset_within_1": float((np.abs(true - said) <= 1).mean()),
        "onset_as_ended": float(np.mean(ended)),
        "auc": auc(np.concatenate(scores), np.concatenate(positive)),
        "false_alarms": float((said < none)[sound].mean()) if sound.any() else float("nan"),
        "trials": float(len(true)),
        "overtrained_trials": float((~sound).sum()),
    }
