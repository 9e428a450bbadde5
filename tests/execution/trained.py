"""Branches that are trained in this process, and what their driver hears."""

from __future__ import annotations

from dbsweep.execution.backend import Decision
from dbsweep.execution.branch.work import run_branch
from dbsweep.execution.jobs import BranchJob, Fork, SweepJob
from dbsweep.records.events import BranchEnded, CheckpointScored, Event
from dbsweep.records.plan import Branch


class Driver:
    """Collects events; answers STOP after the checkpoint at a given step."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.events: list[Event] = []
        self._stop_at = stop_at

    def __call__(self, event: Event) -> Decision:
        self.events.append(event)
        asked = isinstance(event, CheckpointScored) and event.checkpoint.step == self._stop_at
        return Decision.STOP if asked else Decision.GO_ON

    @property
    def scored(self) -> dict[int, CheckpointScored]:
        return {e.checkpoint.step: e for e in self.events if isinstance(e, CheckpointScored)}

    @property
    def hashes(self) -> dict[int, str]:
        return {step: event.checkpoint.sha256 for step, event in self.scored.items()}

    @property
    def end(self) -> BranchEnded:
        (end,) = [event for event in self.events if isinstance(event, BranchEnded)]
        return end


def train(job: SweepJob, branch: Branch, *, fork: Fork | None = None, stop_at: int | None = None) -> Driver:
    driver = Driver(stop_at)
    run_branch(BranchJob(sweep=job, branch=branch, fork=fork), driver)
    return driver


def fork_of(job: SweepJob, driver: Driver, step: int) -> Fork:
    event = driver.scored[step]
    cards = tuple((s, e.scorecard) for s, e in driver.scored.items() if s <= step and e.scorecard is not None)
    return Fork(step=step, checkpoint=job.run_folder / event.checkpoint.path, lineage=cards)
