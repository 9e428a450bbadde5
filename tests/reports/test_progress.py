"""How far a sweep is: what is done, what is left, and how long it takes."""

from __future__ import annotations

import pytest

from dbsweep.config.choosing import Choosing
from dbsweep.records.events import AtWork, BranchEnded, BranchStarted
from dbsweep.records.names import TrialState
from dbsweep.reports.progress import Progress
from dbsweep.selection.utility import utility_for
from tests.reports.two_branches import Clock, plan, scored


def test_time_left_is_time_spent_times_what_is_left_over_what_is_done():
    clock = Clock()
    progress = Progress(plan(), clock)
    assert progress.eta_s is None
    progress.add(BranchStarted(branch="b01", host="here", pid=1))
    clock.now += 30.0
    progress.add(scored("b01", 10))
    assert progress.fraction == pytest.approx(1 / 4)
    assert progress.eta_s == pytest.approx(30.0 * 3)  # one checkpoint of four took 30 s
    for branch in progress.plan.branches:
        progress.add(BranchEnded(branch=branch.id, state=TrialState.COMPLETED, last_step=branch.end_step, reason=""))
    assert (progress.fraction, progress.eta_s) == (1.0, None)  # a race and grids may follow


def test_a_branch_that_is_started_again_has_done_no_checkpoint_twice():
    progress = Progress(plan())
    for _ in range(2):  # its worker died after the checkpoint, which the next attempt tells again
        progress.add(BranchStarted(branch="b01", host="here", pid=1))
        progress.add(scored("b01", 10))
    assert progress.fraction == pytest.approx(1 / 4)


def test_between_checkpoints_a_branch_tells_its_step_and_what_is_left():
    progress = Progress(plan())

    def told() -> tuple[int, float | None]:
        return progress.branches["b01"].step, progress.branches["b01"].left_s

    progress.add(BranchStarted(branch="b01", host="here", pid=1))
    assert told() == (0, None)
    progress.add(AtWork(branch="b01", step=5, per_s=0.5))
    assert told() == (5, 30.0)  # 15 of 20 steps are left
    assert progress.fraction == 0.0
    progress.add(AtWork(branch="b01", step=10, drawn=16, to_draw=24, per_s=2.0))
    assert told() == (10, 4.0)
    progress.add(scored("b01", 10))
    assert told() == (10, None)
    progress.add(AtWork(branch="b01", step=15, per_s=0.5))
    progress.add(BranchEnded(branch="b01", state=TrialState.FAILED, last_step=10))
    assert told() == (15, None)


def test_what_is_left_of_a_counted_phase_is_told_by_what_was_done_in_it():
    clock = Clock()
    progress = Progress(plan(), clock)
    progress.begin_phase("references", 2, 12)  # two lay in the cache
    clock.now += 30.0
    assert progress.phase_left_s is None
    progress.begin_phase("references", 5, 12)
    assert progress.phase_left_s == pytest.approx(70.0)  # three took 30 s
    clock.now += 20.0
    progress.begin_phase("references", 5, 12)
    assert progress.phase_left_s == pytest.approx(50.0)  # and no more because the sixth takes its time
    clock.now += 50.0
    assert progress.phase_left_s is None
    progress.begin_phase("references", 12, 12)
    assert progress.phase_left_s is None
    progress.begin_phase("race of the best", 0, 4)
    clock.now += 8.0
    progress.begin_phase("race of the best", 1, 4)
    assert progress.phase_left_s == pytest.approx(24.0)


def test_a_stopped_branch_leaves_nothing_to_wait_for():
    progress = Progress(plan())
    progress.add(BranchEnded(branch="b01", state=TrialState.STOPPED, last_step=10, reason="overtrained"))
    assert progress.fraction == pytest.approx(1 / 2)
    assert progress.count(TrialState.STOPPED) == 1


def test_a_plan_that_has_grown_leaves_more_to_do_and_what_was_done():
    first, second = plan().branches
    progress = Progress(plan().model_copy(update={"branches": (first,)}))
    progress.add(scored("b01", 10))
    assert progress.fraction == pytest.approx(1 / 2)
    progress.extend(plan())
    assert progress.fraction == pytest.approx(1 / 4)
    progress.add(scored(second.id, 10))
    assert progress.fraction == pytest.approx(2 / 4)


def test_once_a_sweep_ends_nothing_new_begins():
    clock = Clock()
    progress = Progress(plan(), clock)
    progress.add(BranchStarted(branch="b01", host="here", pid=1))
    clock.now += 30.0
    progress.add(scored("b01", 10))
    progress.end("stopping")
    progress.add(BranchStarted(branch="b02", host="here", pid=1))  # on its way when Ctrl-C came
    progress.begin_phase("grids", 0, 1)
    assert (progress.phase, progress.phase_total, progress.eta_s) == ("stopping", 0, None)


def test_time_left_counts_from_the_first_training_however_many_begin_later():
    clock = Clock()
    progress = Progress(plan(), clock)
    clock.now += 500.0  # class images
    progress.add(BranchStarted(branch="b01", host="here", pid=1))
    clock.now += 20.0
    progress.add(BranchStarted(branch="b02", host="here", pid=2))
    clock.now += 10.0
    progress.add(scored("b01", 10))
    assert progress.eta_s == pytest.approx(30.0 * 3)


def test_a_look_without_a_verdict_leaves_the_last_one():
    progress = Progress(plan())
    progress.add(scored("b01", 10))
    told = progress.branches["b01"].verdict
    progress.add(scored("b01", 20).model_copy(update={"verdict": None}))
    assert progress.branches["b01"].verdict == told is not None


def test_a_branch_that_forks_begins_at_its_fork_in_a_plan_that_has_grown_too():
    first, second = plan().branches
    forked = second.model_copy(update={"parent": first.id, "fork_step": 5})
    grown = plan().model_copy(update={"branches": (first, forked)})
    progress = Progress(plan().model_copy(update={"branches": (first,)}))
    progress.extend(grown)
    assert progress.branches[second.id].step == Progress(grown).branches[second.id].step == 5


def test_scores_are_worth_what_this_sweeps_utility_says():
    progress = Progress(plan())
    progress.add(scored("b01", 10))
    before = progress.branches["b01"].utility
    assert before is not None
    progress.utility = utility_for(Choosing.model_validate({"weights": {"identity": 4.0}}), None)
    progress.add(scored("b01", 20))
    after = progress.branches["b01"].utility
    assert after is not None
    assert after > before + 0.01  # identity is above the mean of the three
