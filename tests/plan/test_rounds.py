"""Plans that grow by the points that a searcher proposes."""

from __future__ import annotations

from typing import Any

import pytest

from dbsweep.config.schema import Experiment
from dbsweep.errors import ConfigError
from dbsweep.plan.plan import make_plan
from dbsweep.plan.rates import rates_for
from dbsweep.plan.rounds import extend_plan
from dbsweep.plan.space import points_of
from tests.plan.experiments import experiment

RATE: dict[str, Any] = {"loguniform": [1e-6, 1e-3]}


def learning(**search: Any) -> Experiment:
    sections = {"samples": 8, "searcher": "optuna", "random_samples": 3, "learning_rate": RATE, "epochs": [2, 4]}
    return experiment(search={**sections, **search}, train={"text_encoder_ratio": 1})


def test_only_the_random_points_are_known_beforehand():
    plan = make_plan(learning(), [3])
    assert len(plan.trials) == 3 * 2
    assert len(points_of(learning(), plan.trials)) == 3
    random = make_plan(learning(searcher="random"), [3])
    assert {t.settings["learning_rate"] for t in plan.trials} < {t.settings["learning_rate"] for t in random.trials}


def test_the_plan_says_what_may_come_with_its_upper_bound():
    (note,) = [note for note in make_plan(learning(), [3]).notes if "optuna" in note]
    # 3 points of 4 epochs of 3 steps are known; each of 5 more takes at most 2 + 4 epochs of 3 steps.
    assert "at most 16 trials and 126 steps" in note
    assert 3 * 4 * 3 + 5 * (2 + 4) * 3 == 126


def test_the_bound_counts_sampled_epochs_at_their_most():
    epochs: dict[str, Any] = {"uniform": [2, 9]}
    (note,) = [n for n in make_plan(learning(samples=4, epochs=epochs), [3]).notes if "optuna" in n]
    known = make_plan(learning(samples=4, epochs=epochs), [3]).cost.steps_shared
    assert f"at most 4 trials and {known + 9 * 3} steps" in note


def test_new_trials_share_with_each_other_and_keep_what_was_planned():
    setup = learning()
    first = make_plan(setup, [3])
    grown = extend_plan(setup, first, [{"learning_rate": 1e-5}, {"learning_rate": 2e-5}], [3], rates_for(setup))
    assert grown.trials[:6] == first.trials
    assert grown.branches[: len(first.branches)] == first.branches
    assert [trial.id for trial in grown.trials[6:]] == ["t007", "t008", "t009", "t010"]
    # Two points, each one branch of 4 epochs that its shorter trial shares.
    assert grown.cost.steps_shared - first.cost.steps_shared == 2 * 4 * 3
    for records in (grown.trials, grown.branches, grown.stages):
        assert len({each.id for each in records}) == len(records)
    assert {path.trial for path in grown.paths} == {trial.id for trial in grown.trials}


def test_known_points_change_nothing():
    setup = learning()
    plan = make_plan(setup, [3])
    known = points_of(setup, plan.trials)
    assert extend_plan(setup, plan, known, [3], rates_for(setup)) is plan


def test_alone_cannot_repeat_a_search_that_learns():
    with pytest.raises(ConfigError, match=r"search\.searcher: optuna proposes from results"):
        make_plan(learning(), [3], alone=True)
