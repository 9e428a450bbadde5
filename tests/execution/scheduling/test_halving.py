"""ASHA over branches, in simulation and on real Ray: who is ended, and what forks are dropped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dbsweep.execution.backend import Emit
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.ray.backend import RayBackend
from dbsweep.execution.scheduling.comparison import Ending
from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import BASE, Metric, TrialState
from tests.execution.on_paper import RUN, alone, ends, jobs_of, replay, scored


def test_branches_below_the_better_half_are_ended_at_the_rungs() -> None:
    # The middle rates first: b03 is worse than b02, b01 better than both, b04 the worst of all.
    events = replay(jobs_of(RUN))
    assert ends(events) == {
        "b02": (TrialState.COMPLETED, 80),
        "b03": (TrialState.STOPPED, 20),
        "b01": (TrialState.COMPLETED, 80),
        "b04": (TrialState.STOPPED, 20),
    }
    reasons = [e.reason for e in events if isinstance(e, BranchEnded) and e.branch == "b03"]
    assert reasons[0].startswith("asha: utility 0.50")  # 3 / (1/.4 + 1/.4 + 1)
    assert "up to epoch 2 is not in the best 1/2 so far" in reasons[0]


def test_forks_at_or_after_the_end_are_dropped() -> None:
    # Ratio 0.25 of 8 epochs freezes the text encoder after epoch 2, at the rung where its branch is ended.
    found = ends(replay(jobs_of(RUN, ratios=(0.25, 1.0))))
    assert len(found) == 8
    assert [state for state, _ in found.values()].count(TrialState.STOPPED) == 4
    assert sum(step == 80 for _, step in found.values()) == 4


def test_a_branch_is_not_compared_at_the_rungs_of_its_parent() -> None:
    (job,) = [j for j in jobs_of(RUN, learning_rate=[1e-4], ratios=(0.5, 1.0)) if j.branch.parent]
    asha = Ending(job.sweep.experiment, make_scorecard(BASE, UNTRAINED))
    good, poor = 9e-4, 1e-4
    root = job.model_copy(update={"branch": job.branch.model_copy(update={"parent": None, "fork_step": 0, "id": "x"})})
    assert asha.end(root, scored("x", 2, good)) is None
    assert asha.end(root, scored("x", 4, good)) is None
    # The fork is at epoch 4: what it scores at epoch 5 belongs to no rung of its own; the next one is epoch 8.
    assert job.branch.fork_step == 40
    assert asha.end(job, scored(job.branch.id, 5, poor)) is None
    other = root.model_copy(update={"branch": root.branch.model_copy(update={"id": "y"})})
    assert asha.end(other, scored("y", 4, poor)) is not None


def test_a_branch_is_worth_its_best_checkpoint_so_far() -> None:
    job = jobs_of(RUN, grace_epochs=4)[0]
    asha = Ending(job.sweep.experiment, make_scorecard(BASE, UNTRAINED))
    peaked, steady = alone(job, "peaked"), alone(job, "steady")
    for epoch, rate in ((1, 9e-4), (2, 9e-4), (3, 2e-4), (4, 2e-4)):
        assert asha.end(peaked, scored("peaked", epoch, rate)) is None
    ends = [asha.end(steady, scored("steady", epoch, 5e-4)) for epoch in (1, 2, 3, 4)]
    assert ends[:3] == [None, None, None]
    assert str(ends[3]).startswith("asha: utility 0.60")  # 3 / (1/.5 + 1/.5 + 1)


def test_who_came_first_to_a_rung_is_ended_once_it_is_outrun_there() -> None:
    job = jobs_of(RUN)[0]
    asha = Ending(job.sweep.experiment, make_scorecard(BASE, UNTRAINED))
    first, second = alone(job, "first"), alone(job, "second")
    assert asha.end(first, scored("first", 2, 4e-4)) is None
    assert asha.end(first, scored("first", 3, 4e-4)) is None
    assert asha.end(second, scored("second", 2, 8e-4)) is None
    assert asha.end(first, scored("first", 5, 4e-4)) is not None
    assert asha.end(second, scored("second", 5, 1e-4)) is None, "its best so far still leads"


def scattered(event: CheckpointScored) -> CheckpointScored:
    """The same with samples of identity in an order of its own, so that scores are smoothed."""
    assert event.scorecard is not None
    score = event.scorecard.scores[Metric.IDENTITY]
    turn = event.checkpoint.epoch
    score = score.model_copy(update={"samples": (*score.samples[turn:], *score.samples[:turn])})
    card = event.scorecard.model_copy(update={"scores": {**event.scorecard.scores, Metric.IDENTITY: score}})
    return event.model_copy(update={"scorecard": card})


def test_what_a_retried_worker_tells_again_counts_once() -> None:
    job = jobs_of(RUN, grace_epochs=4)[0]
    reasons = []
    for repeats in (1, 3):
        asha = Ending(job.sweep.experiment, make_scorecard(BASE, UNTRAINED))
        assert asha.end(alone(job, "good"), scored("good", 4, 9e-4)) is None
        for epoch, rate in ((1, 2e-4), (2, 8e-4), (3, 2e-4)):
            for _ in range(repeats):
                asha.end(alone(job, "poor"), scattered(scored("poor", epoch, rate)))
        reasons.append(asha.end(alone(job, "poor"), scattered(scored("poor", 4, 2e-4))))
    assert reasons[0] == reasons[1] is not None


def pretend(job: BranchJob, emit: Emit) -> None:
    """Reports every checkpoint of a branch and trains nothing."""
    branch = job.branch
    emit(BranchStarted(branch=branch.id, host="here", pid=os.getpid()))
    for milestone in branch.milestones:
        emit(scored(branch.id, milestone.epoch, float(branch.settings["learning_rate"])))
    emit(BranchEnded(branch=branch.id, state=TrialState.COMPLETED, last_step=branch.end_step))


@pytest.mark.usefixtures("ray_session")
def test_tune_ends_the_workers_function_and_the_branch_is_told_as_stopped(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path / "run")
    experiment = jobs[0].sweep.experiment
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    run.base_scorecard.write_text(make_scorecard(BASE, UNTRAINED).model_dump_json(), encoding="utf-8")
    events: list[Event] = []
    backend = RayBackend(run, experiment.resources.model_copy(update={"cpus_per_trial": 2}), body=pretend)
    backend.run(jobs, events.append)  # one at a time, in the same order as in simulation
    assert ends(events) == ends(replay(jobs))
    steps = [e.checkpoint.step for e in events if isinstance(e, CheckpointScored) and e.checkpoint.branch == "b03"]
    assert steps == [10, 20]
