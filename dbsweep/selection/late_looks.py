"""Which checkpoints that nobody has looked at lie beside the best: where the best of a training is, if not seen yet.

Scores change little from one checkpoint to the next, so a training is looked at here and there while it goes on, to see
whether it is overtrained, and more narrowly only where it was best: the bracketing of one-dimensional search.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from dbsweep.config.evaluate import LEADERS
from dbsweep.records.results import Checkpoint
from dbsweep.selection.pick import Candidates, rank_smoothed
from dbsweep.selection.smoothing import choosable
from dbsweep.selection.utility import Utility


def beside_the_best(candidates: Candidates, unseen: Iterable[Checkpoint], utility: Utility) -> tuple[Checkpoint, ...]:
    """Of the unseen checkpoints those next to one of the `LEADERS` best of the others, on its branch.

    Empty where the best have been seen with both their neighbours.

    Args:
        candidates: (trial id, checkpoint, its scorecard) of all that have been looked at, as `choose` takes them.
        unseen: checkpoints whose weights are kept.
        utility: what counts.
    """
    rows, passed_over = choosable(candidates), {checkpoint.id: checkpoint for checkpoint in unseen}
    if not rows or not passed_over:
        return ()
    ranked = rank_smoothed(rows, utility)
    order = sorted((c.branch, c.step, c.id) for c in (*passed_over.values(), *(row[1] for row in rows)))
    found: dict[str, Checkpoint] = {}
    for leader in [entry for entry in ranked if entry.sound][:LEADERS]:
        place = bisect_left(order, (leader.branch, leader.row.step))
        for branch, _, name in order[max(place - 1, 0) : place + 2]:
            if branch == leader.branch and name in passed_over:
                found[name] = passed_over[name]
    return tuple(found.values())
