"""Which checkpoints can still win, so that further images are drawn for them alone: a race on paired samples.

Maron & Moore 1997, "The Racing Algorithm", with the paired comparisons of Birattari et al. 2002 ("A racing algorithm
for configuring metaheuristics"): every checkpoint draws the same prompts from the same seeds, so that what makes one
seed hard cancels in the difference, and those that are surely behind the leader leave before the next round. Race and
choice look at the same: scores smoothed along each training, and whoever the choice would take now stays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dbsweep.records.names import Metric
from dbsweep.records.plan import TrialPath
from dbsweep.records.results import Scorecard
from dbsweep.selection.differences import paired, paired_mean_draws
from dbsweep.selection.pick import Candidates, ChoiceSettings, Entry, pick_smoothed
from dbsweep.selection.resampling import RESAMPLES, Floats
from dbsweep.selection.smoothing import choosable
from dbsweep.selection.utility import Utility

COMPARED = 100
"""Checkpoints that are compared with the leader, the best of the first look; of thousands the rest are far behind."""


@dataclass(frozen=True, slots=True)
class RaceSettings:
    """How sure a race is before it lets a checkpoint go.

    Attributes:
        error: chance over all rounds that the best checkpoint leaves.
        tie: a difference of utility that does not matter.
        finalists: the most that stay.
        rounds: of the whole race; they share `error`.
        resamples, seed: of the bootstrap.
    """

    error: float = 0.05
    tie: float = 0.01
    finalists: int = 4
    rounds: int = 1
    resamples: int = RESAMPLES
    seed: int = 0


def contenders(
    candidates: Candidates,
    utility: Utility,
    settings: RaceSettings,
    *,
    paths: Sequence[TrialPath] = (),
    choice: ChoiceSettings | None = None,
    racing: Collection[str] | None = None,
) -> tuple[str, ...]:
    """Ids of the checkpoints that must be looked at more closely, best first; empty where one has won.

    The leader is the best by constraints, then utility, as in the choice. Another stays while the bootstrap gives it
    more than a Bonferroni share of `error` to be ahead of the leader by more than `tie`, or to meet the constraints
    better. If any does, so does the one that the choice would take now, though it may be tied with the leader. Cards
    without numbers have no part.

    Args:
        candidates: (trial id, checkpoint, its latest scorecard), of all checkpoints, as `choose` takes them.
        utility: what counts.
        settings: how sure to be.
        paths, choice: the plan's paths and the choice's settings, as `choose` takes them.
        racing: ids of those still in the race: the samples of a metric are paired and equally many. All when None.
    """
    rows = choosable(candidates)
    if not rows:
        return ()
    pick = pick_smoothed(rows, utility, paths, choice or ChoiceSettings(), racing)
    ranked = [entry for entry in pick.ranked if entry.finalist and _is_able(entry.card, utility)][:COMPARED]
    if len(ranked) < 2:
        return ()
    leader, tail = ranked[0], settings.error / settings.rounds / (len(ranked) - 1)
    able = [entry for entry in ranked[1:] if _chance_ahead(entry.card, leader.card, utility, settings, tail) > tail]
    if not able:
        return ()
    return tuple(entry.row.checkpoint for entry in _staying(leader, able, pick.best, settings.finalists))


def _staying(leader: Entry, able: Sequence[Entry], taken: Entry, finalists: int) -> list[Entry]:
    """At most so many, the leader and the one that the choice would take among them."""
    if taken is leader or taken in able[: finalists - 1]:
        return [leader, *able[: finalists - 1]]
    return [leader, *able[: finalists - 2], taken]


def _is_able(card: Scorecard, utility: Utility) -> bool:
    values = [card.value(metric) for metric in utility.weights]
    return bool(values) and bool(np.isfinite(values).all()) and utility.value_of(card) > 0.0


def _chance_ahead(card: Scorecard, leader: Scorecard, utility: Utility, settings: RaceSettings, tail: float) -> float:
    """Share of bootstrap draws in which the card beats the leader; 1 where there are too few samples to say."""
    asked = dict.fromkeys([*utility.weights, *(limit.metric for limit in utility.constraints)])
    if min(paired(card, leader, metric).shape[1] for metric in asked) < 2:
        return 1.0
    draws = {
        metric: paired_mean_draws(card, leader, metric, settings.seed + index, settings.resamples, tail)
        for index, metric in enumerate(asked)
    }
    short, values = _shortfalls(draws, utility), utility.values(draws)
    ahead = (short[0] < short[1]) | ((short[0] == short[1]) & (values[0] > values[1] + settings.tie))
    return float(ahead.mean())


def _shortfalls(draws: Mapping[Metric, Floats], utility: Utility) -> npt.NDArray[np.float64]:
    """(2, resamples) `Utility.shortfall` of each draw."""
    total = np.zeros_like(next(iter(draws.values())))
    for limit in utility.constraints:
        values = draws[limit.metric]
        total += np.maximum(limit.limit - values if limit.at_least else values - limit.limit, 0.0)
    return total
