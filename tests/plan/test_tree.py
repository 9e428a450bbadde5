"""The tree of stages against brute force: every step of every trial as a prefix of keys."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsweep.config.schema import Experiment, Train
from dbsweep.plan.courses import Course
from dbsweep.plan.plan import make_plan
from dbsweep.plan.tree import grow_tree
from dbsweep.records.plan import Plan, Stage, Trial
from tests.plan.experiments import experiment
from tests.plan.trees import PHOTOS, path_of, plan_of


def step_keys(setup: Experiment, trial: Trial) -> list[tuple[object, ...]]:
    """What determines the weights in each step, written out without any of the planner's code."""
    train = setup.train_for(trial.settings)
    no_prior = train.class_images_per_instance == 0 or train.prior_loss_weight == 0
    fixed = (
        train.learning_rate,
        train.batch_size,
        "no prior" if no_prior else (train.class_images_per_instance, train.prior_loss_weight),
    )
    per_epoch = steps_of_epoch(setup, trial)
    frozen_from = round(train.epochs * train.text_encoder_ratio) * per_epoch
    return [(*fixed, step < frozen_from, rate(train, step)) for step in range(train.epochs * per_epoch)]


def rate(train: Train, step: int) -> object:
    """Its factor, or what it depends on."""
    if train.lr_scheduler in ("linear", "cosine"):
        return train.lr_scheduler, train.epochs
    if train.lr_scheduler == "constant":
        return 1.0
    factors: list[float] = []
    for rule in train.lr_step_rules.split(","):
        factor, _, steps = rule.partition(":")
        factors += [float(factor)] * (int(steps) - len(factors) if steps else 1000)
    return factors[step]


def steps_of_epoch(setup: Experiment, trial: Trial) -> int:
    return -(-PHOTOS // setup.train_for(trial.settings).batch_size)


def stages_of(plan: Plan, trial_id: str) -> list[Stage]:
    """The stages of a trial's path, from its branches."""
    stages, branches = {s.id: s for s in plan.stages}, {b.id: b for b in plan.branches}
    found = []
    for branch_id, last in path_of(plan, trial_id).segments:
        found += [stages[s] for s in branches[branch_id].stages if stages[s].end_step <= last]
    return found


axes = st.fixed_dictionaries(
    {
        "epochs": st.lists(st.integers(1, 9), min_size=1, max_size=4, unique=True),
        "text_encoder_ratio": st.lists(st.sampled_from([0, 0.2, 0.25, 0.5, 0.75, 0.9, 1]), min_size=1, max_size=4),
    },
    optional={
        "learning_rate": st.lists(st.sampled_from([1e-6, 1e-5]), min_size=1, max_size=2),
        "batch_size": st.lists(st.integers(1, 3), min_size=1, max_size=2),
        "class_images_per_instance": st.lists(st.sampled_from([0, 5]), min_size=1, max_size=2),
        "prior_loss_weight": st.lists(st.sampled_from([0, 1]), min_size=1, max_size=2),
        "lr_scheduler": st.lists(
            st.sampled_from(["constant", "linear", "cosine", "piecewise_constant"]), min_size=1, max_size=2
        ),
        "lr_step_rules": st.lists(
            st.sampled_from(["1", "1:4,0.1", "1:4,0.5:7,0.1", "0.5:3,1"]), min_size=1, max_size=3
        ),
    },
)


@settings(max_examples=60, deadline=None)
@given(search=axes)
def test_the_tree_is_the_trie_of_all_trials(search: dict[str, list[Any]]):
    setup = experiment(search=search)
    plan = make_plan(setup, [PHOTOS])
    stages = {stage.id: stage for stage in plan.stages}
    prefixes: set[tuple[object, ...]] = set()
    trained: dict[tuple[str, int], tuple[object, ...]] = {}
    for trial in plan.trials:
        keys = step_keys(setup, trial)
        path = stages_of(plan, trial.id)
        # The path covers exactly the trial's steps, stage after stage.
        assert [stage.start_step for stage in path] == [0, *(stage.end_step for stage in path[:-1])]
        assert path[-1].end_step == path_of(plan, trial.id).end_step == len(keys)
        assert [stage.parent for stage in path] == [None, *(stage.id for stage in path[:-1])]
        assert all(trial.id in stage.trials for stage in path)
        flags = [stage.text_encoder_trains for stage in path for _ in range(stage.start_step, stage.end_step)]
        assert flags == [key[-2] for key in keys]
        # One stage never stands for two different pasts.
        prefixes |= {tuple(keys[:step]) for step in range(1, len(keys) + 1)}
        for stage in path:
            past = tuple(keys[: stage.end_step])
            assert trained.setdefault((stage.id, stage.end_step), past) == past
    # Nothing is trained twice: as many steps as there are different pasts.
    assert sum(stage.end_step - stage.start_step for stage in stages.values()) == len(prefixes)
    assert len(stages) == len(plan.stages) == len(trained)
    assert sum(len(stage.trials) for stage in plan.stages) == sum(len(stages_of(plan, t.id)) for t in plan.trials)


def test_the_grid_of_the_design_takes_32_epochs_instead_of_80():
    plan = plan_of(search={"epochs": [2, 4, 6, 8], "text_encoder_ratio": [0, 0.25, 0.5, 1]})
    assert plan.cost.steps_alone == 80 * PHOTOS
    assert plan.cost.steps_shared == 32 * PHOTOS


def test_a_fork_within_an_epoch_is_a_checkpoint_that_is_not_scored():
    search = {"lr_step_rules": ["1", "1:5,0.1"], "text_encoder_ratio": [1]}
    plan = plan_of(
        train={"epochs": 4, "lr_scheduler": "piecewise_constant"}, search=search, evaluate={"every_epochs": 2}
    )
    trunk, branch = plan.branches
    assert [(m.step, m.epoch, m.evaluate, m.fork) for m in trunk.milestones] == [
        (5, 1, False, True),
        (6, 2, True, False),
        (12, 4, True, False),
    ]
    assert (branch.parent, branch.fork_step) == ("b01", 5)
    assert [m.step for m in branch.milestones] == [6, 12]
    assert {s.rate for s in plan.stages} == {1.0, 0.1}


def test_stage_ids_tell_the_past_and_nothing_else():
    small = plan_of(search={"epochs": [2], "text_encoder_ratio": [1]})
    renamed = make_plan(experiment(name="other", search={"epochs": [2], "text_encoder_ratio": [1, 0.9]}), [PHOTOS])
    other = plan_of(search={"epochs": [2], "text_encoder_ratio": [1]}, train={"seed": 1})
    assert small.stages[0].id == renamed.stages[0].id
    assert small.stages[0].id != other.stages[0].id
    assert len(small.stages[0].id) == 12


def test_a_stage_without_a_step_is_a_fault_of_ours():
    """It would be begun again and again, without end."""
    course = Course(
        Trial(id="t001", settings={}), Train(), "", None, epochs=0, text_encoder_epochs=0, steps_per_epoch=3
    )
    with pytest.raises(AssertionError, match="without a step"):
        grow_tree([course])


def test_parents_come_before_children():
    plan = plan_of(search={"epochs": [2, 5, 9], "text_encoder_ratio": [0, 0.3, 0.6, 1]})
    seen: set[str | None] = {None}
    for stage in plan.stages:
        assert stage.parent in seen
        seen.add(stage.id)


def test_alone_every_trial_has_a_branch_of_its_own_and_the_same_steps():
    setup = experiment(search={"epochs": [2, 4], "text_encoder_ratio": [0, 0.5]})
    shared, alone = make_plan(setup, [PHOTOS]), make_plan(setup, [PHOTOS], alone=True)
    assert [(branch.trials, branch.parent) for branch in alone.branches] == [((t.id,), None) for t in alone.trials]
    assert len({stage.id for stage in alone.stages}) == len(alone.stages)
    assert alone.cost.steps_shared == alone.cost.steps_alone == shared.cost.steps_alone > shared.cost.steps_shared
    assert [path.end_step for path in alone.paths] == [path.end_step for path in shared.paths]
