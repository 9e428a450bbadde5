"""All that the ledger knows of a run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import Field

from dbsweep.records.choice import Candidate, Choice, Overrule
from dbsweep.records.names import TrialState
from dbsweep.records.plan import Branch, Plan, TrialPath
from dbsweep.records.record import Record, Scalar
from dbsweep.records.results import Checkpoint, GridImage, Scorecard, StepLog, Verdict

LEFT_ALONE = "dbsweep was killed, or its machine went down"


class RunRecord(Record):
    """All that the ledger knows of a run, for reports, tracking and the command line.

    Attributes:
        name: the run's name; experiment: the experiment file as JSON, defaults filled in.
        states: trial id → state; branch_states: branch id → state.
        failures: branch id → reason.
        checkpoints, logs: by checkpoint id.
        scorecards: by checkpoint id; ``"base"`` is the untrained model's.
        further: of the race at the end, images a prompt → checkpoint id → scorecard over all of them.
        verdicts: trial id → its latest verdict.
        choice: what dbsweep recommends; overrule: what the person took instead, if anything.
        base_sha256: of the base model's weights; None before they are loaded.
        hosts: branch id → the machine that trains it; branches that have not started are absent.
        started, finished: seconds since the epoch; None while running.
        interrupted: it is not over, and no process leads it; the ledger itself cannot tell.
    """

    name: str
    experiment: dict[str, object]
    plan: Plan
    states: dict[str, TrialState]
    branch_states: dict[str, TrialState]
    failures: dict[str, str]
    checkpoints: dict[str, Checkpoint]
    logs: dict[str, StepLog]
    scorecards: dict[str, Scorecard]
    further: dict[int, dict[str, Scorecard]] = Field(default_factory=dict)
    verdicts: dict[str, Verdict]
    choice: Choice | None
    overrule: Overrule | None = None
    grids: tuple[GridImage, ...]
    base_sha256: str | None = None
    hosts: dict[str, str] = Field(default_factory=dict)
    started: float
    finished: float | None
    interrupted: bool = False

    @property
    def kept(self) -> Candidate | None:
        """The checkpoint to keep: the person's choice, else dbsweep's; None while there is neither."""
        if self.overrule is not None:
            return self.overrule.candidate
        return self.choice.best if self.choice is not None else None

    def without_driver(self) -> Self:
        """As it is when nobody leads it: a driver that was killed could not say that nothing runs any more."""

        def ended(states: Mapping[str, TrialState]) -> dict[str, TrialState]:
            running, interrupted = TrialState.RUNNING, TrialState.INTERRUPTED
            return {key: interrupted if state is running else state for key, state in states.items()}

        left = {key: LEFT_ALONE for key, state in self.branch_states.items() if state is TrialState.RUNNING}
        states = {"states": ended(self.states), "branch_states": ended(self.branch_states)}
        return self.model_copy(update={**states, "failures": self.failures | left, "interrupted": True})

    def card_of(self, checkpoint: str) -> Scorecard:
        """The scorecard of a checkpoint over most images: of the race, else of its first look; KeyError for none."""
        found = [cards[checkpoint] for _, cards in sorted(self.further.items()) if checkpoint in cards]
        return found[-1] if found else self.scorecards[checkpoint]

    @property
    def finalists(self) -> frozenset[str] | None:
        """Ids of the checkpoints that the race looked at most closely; None where there was none."""
        return frozenset(self.further[max(self.further)]) if self.further else None

    def is_late(self, checkpoint: Checkpoint) -> bool:
        """Whether it was passed over while it was trained, and has been looked at since."""
        return checkpoint.id in self.scorecards and (checkpoint.branch, checkpoint.step) not in self._planned_looks

    @cached_property
    def _planned_looks(self) -> frozenset[tuple[str, int]]:
        """Branch and step of every checkpoint that is looked at while it is trained."""
        return frozenset((branch.id, m.step) for branch in self.plan.branches for m in branch.milestones if m.evaluate)

    def settings_of(self, trial_id: str) -> dict[str, Scalar]:
        """What a trial was trained with."""
        return next(trial.settings for trial in self.plan.trials if trial.id == trial_id)

    def branch_of(self, checkpoint: Checkpoint) -> Branch:
        """The branch that trained a checkpoint."""
        return next(branch for branch in self.plan.branches if branch.id == checkpoint.branch)

    def path_of(self, trial_id: str) -> TrialPath:
        """The trial's path; KeyError for an unknown trial."""
        return self._lookup[0][trial_id]

    def checkpoints_of(self, trial_id: str) -> tuple[Checkpoint, ...]:
        """The trial's checkpoints by rising step, shared ones included."""
        paths, by_branch = self._lookup
        mine = (c for branch, last in paths[trial_id].segments for c in by_branch.get(branch, ()) if c.step <= last)
        return tuple(sorted(mine, key=lambda c: c.step))

    @cached_property
    def _lookup(self) -> tuple[dict[str, TrialPath], dict[str, list[Checkpoint]]]:
        """Paths by trial and checkpoints by branch: with thousands of trials nobody should search for them."""
        by_branch: dict[str, list[Checkpoint]] = {}
        for checkpoint in self.checkpoints.values():
            by_branch.setdefault(checkpoint.branch, []).append(checkpoint)
        return {path.trial: path for path in self.plan.paths}, by_branch

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, without what was looked up in the original."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("_lookup", "_planned_looks"):
            copied.__dict__.pop(name, None)
        return copied
