"""What else could have been taken: the best of other trials, and what other weights would take."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from dbsweep.records.choice import Candidate, Reweighted, Rival
from dbsweep.records.names import Metric
from dbsweep.selection.differences import utility_difference, utility_lead
from dbsweep.selection.pick import ChoiceSettings, Entry, Pick
from dbsweep.selection.utility import Utility

FACTORS = (0.5, 2.0, 0.25, 4.0)
"""Changes of a weight that the sensitivity of the choice is tried with, the smallest first."""

RIVALS = 3
"""Other trials whose best checkpoints are compared with the choice."""


def rivals_of(pick: Pick, utility: Utility, settings: ChoiceSettings) -> tuple[Rival, ...]:
    """The best checkpoints of other trials that could have been chosen."""
    firsts: dict[str, Entry] = {}
    for entry in pick.ranked:
        if entry.row.utility > 0.0 and entry.shortfall <= pick.best.shortfall:
            firsts.setdefault(entry.row.trial, entry)
    others = [entry for trial, entry in firsts.items() if trial not in (pick.best.row.trial, pick.ranked[0].row.trial)]
    return tuple(_rival(pick.best, entry, utility, settings) for entry in others[:RIVALS])


def _rival(best: Entry, entry: Entry, utility: Utility, settings: ChoiceSettings) -> Rival:
    low, high = utility_lead(best.card, entry.card, utility, settings.resamples, settings.seed)
    lead = utility_difference(best.card, entry.card, utility)
    return Rival(
        candidate=entry.row, lead=lead, low=low, high=high, needs=_needs(entry, entry.row.utility + lead, utility)
    )


def _needs(entry: Entry, target: float, utility: Utility) -> tuple[Metric, float] | None:
    """The value of its weakest metric with which an entry's utility would be `target`, the others as they are.

    The weakest is the one that would help most if it were whole. None where even that would not do, or where the target
    is 0, as it may be over the few images that a finalist of the race shares with the entry.
    """
    scores = {metric: entry.card.value(metric) for metric in utility.weights}
    weakest = max(scores, key=lambda metric: utility.value({**scores, metric: utility.enough(metric)}))
    level = utility.needed(weakest, scores, target)
    return (weakest, level) if np.isfinite(level) else None


def sensitivity_of(
    utility: Utility, taken: Callable[[Utility], Candidate], as_it_is: Collection[str]
) -> tuple[Reweighted, ...]:
    """Of each weight the smallest change with which another checkpoint is taken, and which.

    Args:
        taken: what is taken by a utility.
        as_it_is: ids of what is taken without a change.
    """
    found = []
    for metric in utility.weights:
        for factor in FACTORS:
            other = taken(utility.reweighted(metric, factor))
            if other.checkpoint not in as_it_is:
                found.append(Reweighted(metric=metric, factor=factor, best=other))
                break
    return tuple(found)
