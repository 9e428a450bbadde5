"""Which checkpoints of a run are compared, and under which trial each is offered."""

from __future__ import annotations

import math

from dbsweep.records.names import Metric
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.records.run import RunRecord


def list_candidates(record: RunRecord) -> list[tuple[str, Checkpoint, Scorecard]]:
    """(trial id, checkpoint, scorecard) of every scored checkpoint, each once, in the order of the plan's trials.

    The scorecard is the one over most images (`RunRecord.card_of`).

    A checkpoint on the way of several trials is offered under the one that ends there, because its settings
    are what makes exactly this checkpoint; if none does, under the first of the shortest. Checkpoints whose identity,
    style and prior are all NaN were never images and are left out. Those whose weights are not kept cannot be chosen,
    but tell of their neighbours' scores (`dbsweep.selection.smoothing`).
    """
    order = sorted(record.plan.paths, key=lambda path: path.end_step)
    offered: dict[str, tuple[str, Checkpoint, Scorecard]] = {}
    for path in order:
        for checkpoint in record.checkpoints_of(path.trial):
            card = record.scorecards.get(checkpoint.id)
            if card is not None and checkpoint.id not in offered and _is_scored(card):
                offered[checkpoint.id] = (path.trial, checkpoint, record.card_of(checkpoint.id))
    position = {trial.id: i for i, trial in enumerate(record.plan.trials)}
    return sorted(offered.values(), key=lambda c: (position[c[0]], c[1].step))


def _is_scored(card: Scorecard) -> bool:
    return not all(math.isnan(card.value(metric)) for metric in (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR))
