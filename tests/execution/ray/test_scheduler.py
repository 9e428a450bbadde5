"""What is outrun is ended in Tune's terms; without a comparison nothing is."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import TrialScheduler

from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.ray.scheduler import BranchScheduler
from dbsweep.execution.ray.searcher import BranchSearcher, as_result
from dbsweep.execution.scheduling.queue import BranchQueue
from dbsweep.records.events import CheckpointScored, Event
from tests.execution.on_paper import OUTRUN, RUN, jobs_of, scored

GO_ON, STOP = TrialScheduler.CONTINUE, TrialScheduler.STOP
RATE = 1e-4


class Enough:
    """Ends branches at their second epoch."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def end(self, job: BranchJob, event: CheckpointScored) -> str | None:
        self.asked.append((job.branch.id, event.checkpoint.epoch))
        return "enough" if event.checkpoint.epoch >= 2 else None


def scheduling(ending: Any) -> tuple[BranchScheduler, str]:
    """A scheduler whose searcher has given one branch to the trial ``first``, and which one."""
    queue = BranchQueue(jobs_of(RUN, **OUTRUN))
    searcher = BranchSearcher(queue, lambda event: None, threading.Event())
    searcher.suggest("first")
    return BranchScheduler(ending, queue, searcher), searcher.branch_of["first"]


def hear(scheduler: BranchScheduler, *events: Event) -> str:
    trial: Any = SimpleNamespace(trial_id="first")
    return scheduler.on_trial_result(None, trial, as_result(events))


def test_a_branch_goes_on_until_it_is_ended_with_a_reason() -> None:
    ending = Enough()
    scheduler, branch = scheduling(ending)
    assert hear(scheduler, scored(branch, 1, RATE)) == GO_ON
    assert scheduler.ended == {}
    assert hear(scheduler, scored(branch, 2, RATE)) == STOP
    assert scheduler.ended == {branch: "enough"}
    assert ending.asked == [(branch, 1), (branch, 2)]


def test_of_a_report_with_several_events_none_is_passed_over() -> None:
    scheduler, branch = scheduling(Enough())
    assert hear(scheduler, scored(branch, 1, RATE), scored(branch, 2, RATE)) == STOP


def test_without_a_comparison_all_go_on() -> None:
    scheduler, branch = scheduling(None)
    assert hear(scheduler, scored(branch, 8, RATE)) == GO_ON
    assert scheduler.ended == {}


def test_results_of_tunes_own_end_nothing() -> None:
    scheduler, _ = scheduling(Enough())
    trial: Any = SimpleNamespace(trial_id="first")
    assert scheduler.on_trial_result(None, trial, {"training_iteration": 3}) == GO_ON
