"""What a grid is drawn from: the checkpoints that its axis names, found when the choice is known."""

from __future__ import annotations

from dbsweep.config.axes import AxisKind
from dbsweep.config.grid import Grid
from dbsweep.records.choice import Choice
from dbsweep.records.record import Scalar
from dbsweep.records.results import Checkpoint, GridModel, GridModels
from dbsweep.records.run import RunRecord
from dbsweep.reports.families import heads


def grid_models(grid: Grid, record: RunRecord, choice: Choice) -> GridModels:
    """What draws a grid; what two values name is drawn once, and what is not there is told."""
    chosen, axis = record.checkpoints[choice.best.checkpoint], grid.axis(AxisKind.CHECKPOINT)
    found = _Named(record, choice)
    if axis is None:
        return GridModels(chosen=chosen, models=(found.model(chosen),))
    models: dict[str, GridModel] = {}
    notes: list[str] = []
    for value in axis.values:
        if value == "base":
            model = GridModel(title="base", checkpoint=None)
        else:
            checkpoint = found.checkpoint(value)
            if checkpoint is None or not checkpoint.kept:
                notes.append(f"without {_shown(value, checkpoint)}: {found.why_not(value, checkpoint)}")
                continue
            model = found.model(checkpoint)
        models[model.id] = model
    return GridModels(chosen=chosen, models=tuple(models.values()), notes=tuple(notes))


class _Named:
    """The checkpoints of a run by their names in a grid.

    The training of the choice is the longest that has its checkpoint: one film strip of the report.
    """

    def __init__(self, record: RunRecord, choice: Choice) -> None:
        self._record = record
        self._choice = choice
        self._training = record.checkpoints_of(heads(record.plan)[choice.best.trial])
        self._seen = [c for c in self._training if c.id in record.scorecards]
        self._place = [c.id for c in self._seen].index(choice.best.checkpoint)

    def checkpoint(self, value: Scalar) -> Checkpoint | None:
        """The checkpoint, which may have lost its weights; None if there is none."""
        match value:
            case "best":
                return self._seen[self._place]
            case "before":
                return self._seen[self._place - 1] if self._place else None
            case "after":
                return next(iter(self._seen[self._place + 1 :]), None)
            case "last":
                return self._seen[-1]
            case "runner_up":
                return self._runner_up()
            case _:  # of several within an epoch the one at its end, which is the first
                return next((c for c in self._training if c.epoch == value), None)

    def why_not(self, value: Scalar, checkpoint: Checkpoint | None) -> str:
        """Why there is nothing to draw for a value."""
        if checkpoint is not None:
            keep = self._record.experiment["checkpoints"]["keep"]  # type: ignore[index]
            return f"its weights were dropped (checkpoints.keep: {keep})"
        if value == "runner_up":
            return "no other training has a checkpoint that could be taken"
        if value in ("before", "after"):
            return f"the chosen checkpoint is the {'first' if value == 'before' else 'last'} of its training"
        return f"the chosen training has no checkpoint of this epoch, its last is of epoch {self._training[-1].epoch}"

    def model(self, checkpoint: Checkpoint) -> GridModel:
        """A checkpoint with its title; one of another training is named with its trial."""
        own = checkpoint.id in {c.id for c in self._training}
        title = f"epoch {checkpoint.epoch}"
        return GridModel(title=title if own else f"{self._trial_of(checkpoint)}, {title}", checkpoint=checkpoint)

    def _trial_of(self, checkpoint: Checkpoint) -> str:
        return next(row.trial for row in self._choice.candidates if row.checkpoint == checkpoint.id)

    def _runner_up(self) -> Checkpoint | None:
        own = {c.id for c in self._training}
        others = (row.checkpoint for row in self._choice.candidates if row.utility > 0 and row.checkpoint not in own)
        return next((c for c in map(self._record.checkpoints.__getitem__, others) if c.kept), None)


def _shown(value: Scalar, checkpoint: Checkpoint | None) -> str:
    """What a value names: `epoch 30`, `before (epoch 30)`, or `before` where there is none."""
    if isinstance(value, int):
        return f"epoch {value}"
    return f"{value} (epoch {checkpoint.epoch})" if checkpoint is not None else str(value)
