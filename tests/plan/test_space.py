"""Search space → trials."""

from __future__ import annotations

import math

import pytest

from dbsweep.errors import ConfigError
from dbsweep.plan.space import grace_epochs, legible, make_trials
from tests.plan.experiments import experiment


def test_without_a_search_there_is_one_trial_with_the_four_settings():
    trials, notes = make_trials(experiment(train={"epochs": 3}))
    assert [trial.id for trial in trials] == ["t001"]
    assert trials[0].settings == {
        "learning_rate": 2e-6,
        "epochs": 3,
        "class_images_per_instance": 25,
        "text_encoder_ratio": 0.7,
    }
    assert notes == ()


def test_lists_are_combined_first_axis_outermost():
    trials, _ = make_trials(experiment(search={"epochs": [2, 4], "batch_size": [1, 2]}))
    assert [(trial.settings["epochs"], trial.settings["batch_size"]) for trial in trials] == [
        (2, 1),
        (2, 2),
        (4, 1),
        (4, 2),
    ]
    assert [trial.id for trial in trials] == ["t001", "t002", "t003", "t004"]
    assert list(trials[0].settings)[-1] == "batch_size"


def test_samples_are_crossed_with_lists():
    search = {"samples": 3, "learning_rate": {"loguniform": [1e-6, 1e-4]}, "epochs": [2, 4]}
    trials, _ = make_trials(experiment(search=search))
    rates = [trial.settings["learning_rate"] for trial in trials]
    assert len(set(rates[:3])) == 3
    assert rates[:3] == rates[3:]
    assert all(1e-6 <= float(rate) <= 1e-4 for rate in rates)


def test_more_samples_keep_the_first_ones():
    axes = {"learning_rate": {"loguniform": [1e-6, 1e-4]}, "weight_decay": {"uniform": [0, 1]}}
    few, _ = make_trials(experiment(search={"samples": 3, **axes}))
    many, _ = make_trials(experiment(search={"samples": 30, **axes}))
    assert [trial.settings for trial in many[:3]] == [trial.settings for trial in few]
    # Each setting has its own stream: without weight_decay the rates are the same.
    alone, _ = make_trials(experiment(search={"samples": 3, "learning_rate": axes["learning_rate"]}))
    assert [t.settings["learning_rate"] for t in alone] == [t.settings["learning_rate"] for t in few]


def test_the_seed_decides_the_samples():
    search = {"samples": 3, "learning_rate": {"loguniform": [1e-6, 1e-4]}}
    first, _ = make_trials(experiment(search=search, train={"seed": 1}))
    again, _ = make_trials(experiment(search=search, train={"seed": 1}))
    other, _ = make_trials(experiment(search=search, train={"seed": 2}))
    assert first == again
    assert not {t.settings["learning_rate"] for t in first} & {t.settings["learning_rate"] for t in other}


def test_distributions_have_their_shape():
    search = {
        "samples": 400,
        "learning_rate": {"loguniform": [1e-6, 1e-2]},
        "weight_decay": {"uniform": [0, 1]},
        "text_encoder_ratio": {"choice": [0.25, 0.75]},
    }
    trials, _ = make_trials(experiment(search=search))
    settings = [trial.settings for trial in trials]
    # Medians: 1e-4 in the logarithm, 0.5, and half of each choice; 400 samples leave a standard error of 2.5%.
    assert 0.4 < sum(math.log10(float(s["learning_rate"])) < -4 for s in settings) / 400 < 0.6
    assert 0.4 < sum(float(s["weight_decay"]) < 0.5 for s in settings) / 400 < 0.6
    assert 0.4 < sum(s["text_encoder_ratio"] == 0.25 for s in settings) / 400 < 0.6


def test_rounding_does_not_step_over_the_bounds():
    low, high = 1.23441e-6, 1.23459e-6
    assert legible("learning_rate", 1.23443e-6, (low, high)) == low  # and not 1.234e-6
    assert legible("learning_rate", 1.23457e-6, (low, high)) == high  # and not 1.235e-6
    assert legible("learning_rate", 1.23443e-6, (1e-6, 2e-6)) == 1.234e-6


@pytest.mark.parametrize("form", ["uniform", "loguniform"])
def test_whole_numbers_are_rounded_and_equal_ones_are_one_trial(form: str):
    trials, notes = make_trials(experiment(search={"samples": 50, "epochs": {form: [2, 5]}}))
    assert {trial.settings["epochs"] for trial in trials} == {2, 3, 4, 5}
    assert all(isinstance(trial.settings["epochs"], int) for trial in trials)
    assert notes == ("46 trials removed: the same settings as another",)


def test_equal_values_of_a_list_are_one_trial():
    trials, notes = make_trials(experiment(search={"learning_rate": [1e-4, "0.0001"]}))
    assert len(trials) == 1
    assert notes == ("1 trial removed: the same settings as another",)


def test_ids_sort_as_the_trials_do():
    trials, _ = make_trials(experiment(search={"epochs": list(range(1, 1201))}))
    assert [trials[0].id, trials[-1].id] == ["t0001", "t1200"]


def test_a_grid_beyond_reason_is_refused_at_once():
    axes = {"seed": list(range(500)), "epochs": list(range(1, 500)), "weight_decay": [0, 0.1]}
    with pytest.raises(ConfigError, match=r"search: makes 499,000 trials; at most 100,000"):
        make_trials(experiment(search=axes))


@pytest.mark.parametrize(
    ("search", "expected"),
    [({}, 10), ({"scheduler": "asha"}, 14), ({"grace_epochs": 3}, 3), ({"scheduler": "asha", "grace_epochs": 3}, 3)],
    ids=str,
)
def test_from_when_on_trials_may_be_ended(search: dict[str, object], expected: int):
    """A quarter of 40 epochs, of asha a third."""
    assert grace_epochs(experiment(search={"epochs": [20, 40], **search})) == expected
