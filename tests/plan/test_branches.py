"""Stages → branches, milestones and paths."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from dbsweep.plan.plan import make_plan
from dbsweep.records.plan import Milestone, Plan
from tests.plan.experiments import experiment
from tests.plan.test_tree import axes
from tests.plan.trees import path_of

PHOTOS = 3


def plan_of(every_epochs: int, **search: Any) -> Plan:
    return make_plan(experiment(search=search, evaluate={"every_epochs": every_epochs}), [PHOTOS])


def milestone(epoch: int, *, evaluate: bool = True, fork: bool = False) -> Milestone:
    return Milestone(step=epoch * PHOTOS, epoch=epoch, evaluate=evaluate, fork=fork)


def test_the_longest_way_stays_on_the_branch_and_the_others_fork():
    # Epochs 3 and 8 at ratios 0.25 and 1 freeze after 1, 2, 3 and 8 epochs.
    plan = plan_of(4, epochs=[3, 8], text_encoder_ratio=[0.25, 1])
    trunk, frozen_at_1, frozen_at_2 = plan.branches
    assert [branch.id for branch in plan.branches] == ["b01", "b02", "b03"]
    assert (trunk.parent, trunk.fork_step, trunk.end_step) == (None, 0, 8 * PHOTOS)
    assert (frozen_at_1.parent, frozen_at_1.fork_step, frozen_at_1.end_step) == ("b01", 1 * PHOTOS, 3 * PHOTOS)
    assert (frozen_at_2.parent, frozen_at_2.fork_step, frozen_at_2.end_step) == ("b01", 2 * PHOTOS, 8 * PHOTOS)
    # The settings are those of the longest trial: they tell when the text encoder stops, in steps from the base.
    assert [b.text_encoder_steps for b in plan.branches] == [8 * PHOTOS, 1 * PHOTOS, 2 * PHOTOS]
    assert [b.settings["text_encoder_ratio"] for b in plan.branches] == [1.0, 0.25, 0.25]
    assert [b.trials for b in plan.branches] == [("t002", "t004"), ("t001",), ("t003",)]


def test_checkpoints_are_at_multiples_ends_and_forks():
    plan = plan_of(4, epochs=[3, 8], text_encoder_ratio=[0.25, 1])
    assert plan.branches[0].milestones == (
        milestone(1, evaluate=False, fork=True),
        milestone(2, evaluate=False, fork=True),
        milestone(3),  # a trial's end
        milestone(4),
        milestone(8),
    )
    assert plan.branches[1].milestones == (milestone(3),)
    assert plan.branches[2].milestones == (milestone(4), milestone(8))


def test_of_spaced_looks_the_checkpoints_between_are_kept_and_passed_over():
    search = {"epochs": [5, 7], "text_encoder_ratio": [0.6, 1]}
    plan = make_plan(experiment(search=search, evaluate={"every_epochs": 1, "look_every": 2}), [PHOTOS])
    trunk, frozen_at_3, frozen_at_4 = plan.branches
    assert [m.epoch for m in trunk.milestones] == [1, 2, 3, 4, 5, 6, 7]
    assert [m.epoch for m in trunk.milestones if m.evaluate] == [2, 4, 5, 6, 7]  # every second, and ends of trials
    assert [m.epoch for m in trunk.milestones if m.fork] == [3, 4]
    # Counted from the base model, not from the fork: paths that part are looked at in the same epochs.
    assert [(m.epoch, m.evaluate) for m in frozen_at_3.milestones] == [(4, True), (5, True)]
    assert [(m.epoch, m.evaluate) for m in frozen_at_4.milestones] == [(5, False), (6, True), (7, True)]


def test_a_fork_at_an_evaluation_is_evaluated():
    plan = plan_of(2, epochs=[4], text_encoder_ratio=[0.5, 1])
    assert plan.branches[0].milestones[0].epoch == 2
    assert plan.branches[0].milestones[0] in (milestone(2, fork=True),)


def test_training_the_text_encoder_or_not_from_the_start_are_two_roots():
    plan = plan_of(4, epochs=[4], text_encoder_ratio=[0, 1])
    assert [(b.parent, b.fork_step, b.text_encoder_steps) for b in plan.branches] == [(None, 0, 0), (None, 0, 12)]


def test_paths_name_every_branch_from_the_base_on():
    plan = plan_of(4, epochs=[3, 8], text_encoder_ratio=[0.25, 1])
    assert path_of(plan, "t002").segments == (("b01", 3 * PHOTOS),)
    assert path_of(plan, "t003").segments == (("b01", 2 * PHOTOS), ("b03", 8 * PHOTOS))
    assert [path.trial for path in plan.paths] == ["t001", "t002", "t003", "t004"]


def test_an_epoch_of_a_larger_batch_has_fewer_steps():
    plan = plan_of(1, epochs=[2], text_encoder_ratio=[1], batch_size=[1, 2])
    assert [b.steps_per_epoch for b in plan.branches] == [3, 2]
    assert [[m.step for m in b.milestones] for b in plan.branches] == [[3, 6], [2, 4]]
    assert plan.steps_per_epoch == 3


@settings(max_examples=60, deadline=None)
@given(search=axes)
def test_branches_hold_together(search: dict[str, list[Any]]):
    plan = plan_of(2, **search)
    stages = {stage.id: stage for stage in plan.stages}
    branches = {branch.id: branch for branch in plan.branches}
    assert sorted(s for branch in plan.branches for s in branch.stages) == sorted(stages)
    assert sorted(t for branch in plan.branches for t in branch.trials) == [t.id for t in plan.trials]
    seen: set[str | None] = {None}
    for branch in plan.branches:
        assert branch.parent in seen
        seen.add(branch.id)
        steps = [m.step for m in branch.milestones]
        assert steps == sorted(set(steps))
        assert steps[0] > branch.fork_step == stages[branch.stages[0]].start_step
        assert steps[-1] == stages[branch.stages[-1]].end_step
        assert branch.milestones[-1].evaluate
        assert not branch.milestones[-1].fork
        if branch.parent is not None:
            forks = [m for m in branches[branch.parent].milestones if m.step == branch.fork_step]
            assert [m.fork for m in forks] == [True]
        # The text encoder trains exactly in the steps below text_encoder_steps.
        for stage in (stages[s] for s in branch.stages):
            assert stage.text_encoder_trains == (stage.start_step < branch.text_encoder_steps)
            assert stage.end_step <= branch.text_encoder_steps or not stage.text_encoder_trains
    used = {(branch.parent, branch.fork_step) for branch in plan.branches if branch.parent is not None}
    assert {(b.id, m.step) for b in plan.branches for m in b.milestones if m.fork} == used
    # Every trial is evaluated at its end and at every second epoch, wherever its path leads.
    for trial in plan.trials:
        epochs = [
            m.epoch
            for (branch_id, last) in path_of(plan, trial.id).segments
            for m in branches[branch_id].milestones
            if m.evaluate and m.step <= last
        ]
        wanted = {*range(2, int(trial.settings["epochs"]) + 1, 2), trial.settings["epochs"]}
        assert wanted <= set(epochs)
        assert epochs == sorted(set(epochs))
