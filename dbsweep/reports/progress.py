"""How far a sweep is, counted from its events; the live terminal view reads it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dbsweep.records.events import AtWork, BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import Metric, TrialState
from dbsweep.records.plan import Branch, Plan
from dbsweep.records.results import Verdict
from dbsweep.selection.utility import Utility


@dataclass(slots=True)
class BranchProgress:
    """Where one branch stands.

    Attributes:
        done: steps of the checkpoints reached; a branch that is started again tells them once more.
        at_work: what it was at when it last told, if that was after its last event.
        scores: metric → value at the latest scored checkpoint; utility: what they are worth.
    """

    branch: Branch
    state: TrialState = TrialState.PENDING
    step: int = 0
    done: set[int] = field(default_factory=set)
    at_work: AtWork | None = None
    scores: dict[Metric, float] = field(default_factory=dict)
    utility: float | None = None
    verdict: Verdict | None = None
    steps_per_s: float | None = None
    reason: str = ""

    @property
    def left_s(self) -> float | None:
        """Estimated seconds until the branch has no more to train, or until a checkpoint's pictures are drawn."""
        return None if self.at_work is None else seconds_left(self.at_work, self.branch.end_step)


def seconds_left(work: AtWork, end_step: int) -> float:
    """Estimated: until the branch that ends at this step has no more to train, or until its pictures are drawn."""
    return (work.to_draw - work.drawn if work.to_draw else end_step - work.step) / work.per_s


class Progress:
    """Counts of a running sweep.

    Args:
        plan: what will be done.
        clock: seconds, rising; replaced in tests.

    Attributes:
        swept: settings in which branches differ; all of them where there is one branch.
        utility: what scores are worth; set once the base model's card tells what cannot be measured.
    """

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self.plan = plan
        self.swept = _swept(plan)
        self.utility = Utility()
        self.branches = {b.id: BranchProgress(b, step=b.fork_step) for b in plan.branches}
        self.phase = "starting"
        self.phase_done = 0
        self.phase_total = 0
        self._is_over = False
        self._clock = clock
        self._begun = self._phase_since = self._phase_end = clock()
        self._phase_first = 0
        self._training_since: float | None = None

    def extend(self, plan: Plan) -> None:
        """Take in a plan that has grown."""
        self.plan, self.swept = plan, _swept(plan)
        for branch in plan.branches:
            self.branches.setdefault(branch.id, BranchProgress(branch, step=branch.fork_step))

    def begin_phase(self, name: str, done: int, total: int) -> None:
        """Note what the sweep is at before or after training, e.g. ``class images`` 12 of 48."""
        if self._is_over:
            return
        now = self._clock()
        if name != self.phase:
            self._phase_since, self._phase_first = now, done
        if (name, done, total) != (self.phase, self.phase_done, self.phase_total):
            each_s = (now - self._phase_since) / max(1, done - self._phase_first)
            self._phase_end = now + each_s * (total - done)
        self.phase, self.phase_done, self.phase_total = name, done, total

    def end(self, how: str) -> None:
        """Note that nothing new begins; branches may still tell of their ends. Safe within a handler of signals."""
        self._is_over = True
        self.phase, self.phase_done, self.phase_total = how, 0, 0

    def add(self, event: Event) -> None:
        """Take in one event, or what a branch is at between two."""
        if isinstance(event, AtWork):
            self.branches[event.branch].step = event.step
            self.branches[event.branch].at_work = event
        elif isinstance(event, BranchStarted):
            self.begin_phase("training", 0, 0)
            self._training_since = self._training_since or self._clock()
            self.branches[event.branch].state = TrialState.RUNNING
            self.branches[event.branch].at_work = None
        elif isinstance(event, CheckpointScored):
            self._add_checkpoint(event)
        else:
            self._add_end(event)

    def _add_checkpoint(self, event: CheckpointScored) -> None:
        row = self.branches[event.checkpoint.branch]
        row.step, row.at_work = event.checkpoint.step, None
        row.done.add(row.step)
        row.steps_per_s = event.log.steps_per_s
        if event.scorecard is not None:
            row.scores = {metric: score.value for metric, score in event.scorecard.scores.items()}
            row.utility = self.utility.value_of(event.scorecard)
        row.verdict = event.verdict or row.verdict

    def _add_end(self, event: BranchEnded) -> None:
        row = self.branches[event.branch]
        row.state, row.reason, row.at_work = event.state, event.reason, None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the sweep began."""
        return self._clock() - self._begun

    @property
    def fraction(self) -> float:
        """Share of all checkpoints that are reached or no longer needed, 0 to 1."""
        total = sum(len(b.milestones) for b in self.plan.branches)
        over = (TrialState.PENDING, TrialState.RUNNING)
        done = sum(len(r.done) if r.state in over else len(r.branch.milestones) for r in self.branches.values())
        return done / total if total else 1.0

    @property
    def phase_fraction(self) -> float:
        """Share of the phase that is done, 0 to 1; of training where a phase is not counted."""
        return self.phase_done / self.phase_total if self.phase_total else self.fraction

    @property
    def phase_left_s(self) -> float | None:
        """Estimated seconds until a counted phase ends; None before something of it is done, and when they are over."""
        left_s = self._phase_end - self._clock()
        if self.phase_total == 0 or self.phase_done <= self._phase_first or left_s <= 0.0:
            return None
        return left_s

    @property
    def eta_s(self) -> float | None:
        """Estimated seconds until training ends; None before the first checkpoint, and after it: a race may follow."""
        if self._training_since is None or self._is_over or self.fraction in (0.0, 1.0):
            return None
        spent = self._clock() - self._training_since
        return spent * (1.0 - self.fraction) / self.fraction

    def count(self, state: TrialState) -> int:
        """Number of branches in a state."""
        return sum(row.state is state for row in self.branches.values())


def _swept(plan: Plan) -> frozenset[str]:
    settings = [branch.settings for branch in plan.branches]
    differing = {name for each in settings[1:] for name, value in each.items() if value != settings[0].get(name)}
    return frozenset(differing or (settings[0] if settings else ()))
