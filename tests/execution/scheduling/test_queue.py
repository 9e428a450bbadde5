"""The queue of branches: children after forks, longest chains first, the impossible dropped."""

from __future__ import annotations

from pathlib import Path

from dbsweep.execution.jobs import BranchJob, Fork
from dbsweep.execution.scheduling.queue import BranchQueue
from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.events import BranchEnded, CheckpointScored
from dbsweep.records.names import TrialState
from dbsweep.records.results import Checkpoint
from tests.execution.sweeps import make_branch_jobs, make_experiment, settings, step_log

RUN = Path("/runs/demo")


def scored(branch: str, step: int) -> CheckpointScored:
    name = f"{branch}-{step:06d}"
    return CheckpointScored(
        checkpoint=Checkpoint(
            id=name, branch=branch, step=step, epoch=step // 10, path=f"checkpoints/{branch}/{step}", sha256="", bytes=0
        ),
        log=step_log(step),
        scorecard=make_scorecard(name, UNTRAINED),
        verdict=None,
    )


def ended(branch: str, step: int, state: TrialState = TrialState.COMPLETED, reason: str = "") -> BranchEnded:
    return BranchEnded(branch=branch, state=state, last_step=step, reason=reason)


def taken(queue: BranchQueue) -> BranchJob:
    job = queue.next()
    assert job is not None
    return job


def test_a_child_waits_for_its_fork_checkpoint() -> None:
    queue = BranchQueue(make_branch_jobs(RUN))
    assert taken(queue).branch.id == "b01"
    assert queue.next() is None
    queue.record(scored("b01", 10))
    assert queue.next() is None
    queue.record(scored("b01", 20))
    child = taken(queue)
    assert child.branch.id == "b02"
    assert child.fork is not None
    assert child.fork.checkpoint == RUN / "checkpoints/b01/20"
    assert [(step, card.checkpoint) for step, card in child.fork.lineage] == [(10, "b01-000010"), (20, "b01-000020")]


def test_a_grandchild_inherits_the_whole_lineage() -> None:
    queue = BranchQueue(make_branch_jobs(RUN))
    taken(queue)
    queue.record(scored("b01", 10))
    queue.record(scored("b01", 20))
    taken(queue)
    queue.record(scored("b01", 30))  # after the fork: not the child's
    queue.record(scored("b02", 30))
    grandchild = taken(queue)
    assert grandchild.fork is not None
    assert [card.checkpoint for _, card in grandchild.fork.lineage] == ["b01-000010", "b01-000020", "b02-000030"]


def test_it_is_finished_when_all_have_ended() -> None:
    queue = BranchQueue(make_branch_jobs(RUN))
    taken(queue)
    queue.record(scored("b01", 20))
    assert queue.record(ended("b01", 40)) == ()
    taken(queue)
    queue.record(scored("b02", 30))
    queue.record(ended("b02", 40))
    taken(queue)
    assert not queue.finished
    queue.record(ended("b03", 50))
    assert queue.finished


def test_branches_after_a_stop_are_dropped_with_their_children() -> None:
    queue = BranchQueue(make_branch_jobs(RUN))
    taken(queue)
    queue.record(scored("b01", 10))
    dropped = queue.record(ended("b01", 10, TrialState.STOPPED, "style is gone"))
    assert [(end.branch, end.state, end.last_step) for end in dropped] == [
        ("b02", TrialState.STOPPED, 20),
        ("b03", TrialState.STOPPED, 30),
    ]
    assert dropped[0].reason == "b01 ended at step 10, before the fork at 20: style is gone"
    assert queue.finished


def test_a_child_that_could_fork_before_its_parent_failed_goes_on() -> None:
    queue = BranchQueue(make_branch_jobs(RUN))
    taken(queue)
    queue.record(scored("b01", 20))
    assert queue.record(ended("b01", 30, TrialState.FAILED, "NaN")) == ()
    assert taken(queue).branch.id == "b02"


def test_the_longest_chain_goes_first() -> None:
    b01, b02, b03 = make_branch_jobs(RUN)
    short = b01.model_copy(
        update={"branch": b01.branch.model_copy(update={"id": "b00", "milestones": b01.branch.milestones[:1]})}
    )
    queue = BranchQueue([short, b01, b02, b03])
    assert [taken(queue).branch.id, taken(queue).branch.id] == ["b01", "b00"]


def test_of_equal_chains_the_one_in_the_middle_of_the_search_goes_first() -> None:
    b01 = make_branch_jobs(RUN)[0]
    searched = {"learning_rate": [1e-5, 2e-5, 4e-5], "scheduler": "none"}
    sweep = b01.sweep.model_copy(update={"experiment": make_experiment(search=searched)})
    jobs = [
        b01.model_copy(
            update={
                "sweep": sweep,
                "branch": b01.branch.model_copy(update={"id": name, "settings": settings(4, 1.0, rate)}),
            }
        )
        for name, rate in (("b01", 1e-5), ("b02", 2e-5), ("b03", 4e-5))
    ]
    queue = BranchQueue(jobs)
    assert [taken(queue).branch.id for _ in jobs] == ["b02", "b01", "b03"]


def test_a_resumed_branch_needs_no_parent() -> None:
    _, _, b03 = make_branch_jobs(RUN)
    job = b03.forked(Fork(step=30, checkpoint=RUN / "x", lineage=()))
    assert taken(BranchQueue([job])) == job


def test_dropping_all_leaves_the_running_alone() -> None:
    queue = BranchQueue(make_branch_jobs(RUN))
    taken(queue)
    queue.record(scored("b01", 20))
    ends = queue.drop_all(TrialState.INTERRUPTED, "asked to stop")
    assert {end.branch for end in ends} == {"b02", "b03"}
    assert [job.branch.id for job in queue.running] == ["b01"]
    assert not queue.finished


def test_reading_an_event_twice_releases_once() -> None:
    queue = BranchQueue(make_branch_jobs(RUN))
    taken(queue)
    queue.record(scored("b01", 20))
    queue.record(scored("b01", 20))
    child = taken(queue)
    assert child.fork is not None
    assert len(child.fork.lineage) == 1
    assert queue.next() is None
