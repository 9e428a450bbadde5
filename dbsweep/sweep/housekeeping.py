"""Disk that a running sweep no longer needs is freed: the ledger knows it first, then the files go."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dbsweep.config.schema import Experiment
from dbsweep.execution.keeping import DONE, Keeping
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.execution.storage.setting import dropping_for
from dbsweep.plan.looks import look_every_of
from dbsweep.records.events import Event
from dbsweep.records.plan import Plan
from dbsweep.records.results import Scorecard
from dbsweep.records.run import RunRecord
from dbsweep.selection.utility import utility_for


class Housekeeping:
    """Drops weights and fork states as soon as nothing needs them.

    Args:
        run_folder, experiment, plan, ledger: of the run.
        base: scorecard of the untrained model.
    """

    def __init__(self, run_folder: Path, experiment: Experiment, plan: Plan, ledger: Ledger, base: Scorecard) -> None:
        utility = utility_for(experiment.choose, base, experiment.verdict)
        keep = experiment.checkpoints.keep

        def rank(card: Scorecard) -> tuple[float, ...]:
            return (utility.shortfall(card), -utility.value_of(card))

        self._run_folder = run_folder
        self._dropping = dropping_for(run_folder, experiment.storage)
        self._plan = plan
        self._ledger = ledger
        self._best = None if keep == "all" else keep
        self._rank = rank
        self._looks_late = look_every_of(experiment) > 1
        self._keeping = Keeping(plan, self._best, rank)
        # A worker that reaches the storage alone could not tell that a fork must be trained again because what started
        # there is damaged.
        self._drops_states = experiment.storage is None

    def after(self, event: Event) -> None:
        """Frees what an event makes dispensable; call it when the ledger has the event."""
        free = self._keeping.record(event)
        states = free.states if self._drops_states else ()
        if not free.weights and not states:
            return
        self._ledger.drop_weights([checkpoint.id for checkpoint in free.weights])
        for checkpoint in free.weights:
            self._dropping.weights(checkpoint)
        for checkpoint in states:
            self._dropping.state(checkpoint)

    def conclude(self) -> None:
        """Frees states when the run is over, and weights that were kept because nobody had looked."""
        record = self._ledger.read()
        self._drop_outdone(record)
        forks = {(branch.id, m.step) for branch in self._plan.branches for m in branch.milestones if m.fork}
        for checkpoint in record.checkpoints.values():
            ended = record.branch_states[checkpoint.branch] in DONE
            if not ended or (checkpoint.branch, checkpoint.step) in forks:
                self._dropping.state(checkpoint)

    def _drop_outdone(self, record: RunRecord) -> None:
        """Weights that late looks have shown not to be among the best of a trial, and those that nobody looked at."""
        if self._best is None or not self._looks_late:
            return
        best = {record.kept.checkpoint} if record.kept is not None else set()
        for path in self._plan.paths:
            seen = [c for c in record.checkpoints_of(path.trial) if c.kept and c.id in record.scorecards]
            ranked = sorted(seen, key=lambda c: (self._rank(record.scorecards[c.id]), c.step))
            best |= {c.id for c in ranked[: self._best]}
        ended = {branch for branch, state in record.branch_states.items() if state in DONE}
        free = [c for c in record.checkpoints.values() if c.kept and c.id not in best and c.branch in ended]
        self._ledger.drop_weights([c.id for c in free])
        for checkpoint in free:
            self._dropping.weights(checkpoint)

    def conclude_again(self) -> int:
        """`conclude` of a run that may have been killed on the way; returns the bytes that it has freed here."""
        checkpoints = self._ledger.read().checkpoints.values()
        folders = [self._run_folder / checkpoint.path for checkpoint in checkpoints]
        before = _bytes_in(folders)
        self.conclude()
        for checkpoint in checkpoints:
            if not checkpoint.kept:
                self._dropping.weights(checkpoint)
        return before - _bytes_in(folders)

    def settle(self) -> str:
        """Waits until all is freed; returns what could not be, in a sentence, empty if all was."""
        return self._dropping.settle()


def _bytes_in(folders: Iterable[Path]) -> int:
    return sum(file.stat().st_size for folder in folders for file in folder.glob("*"))
