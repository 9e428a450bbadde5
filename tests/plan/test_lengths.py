"""Steps in place of epochs: whole epochs, the same plan."""

from __future__ import annotations

from typing import Any

import pytest

from dbsweep.errors import ConfigError
from dbsweep.plan.lengths import in_epochs
from dbsweep.plan.photos import photos_of
from dbsweep.plan.plan import make_plan
from tests.plan.experiments import experiment


def converted(photos: int = 12, **changes: Any) -> Any:
    setup = experiment(**changes)
    return in_epochs(setup, photos_of(setup, [photos]))


@pytest.mark.parametrize(
    ("steps", "batch_size", "epochs"), [(800, 1, 67), (12, 1, 1), (13, 1, 2), (1, 1, 1), (800, 5, 267)]
)
def test_steps_are_rounded_up_to_whole_epochs(steps: int, batch_size: int, epochs: int) -> None:
    found = converted(train={"steps": steps, "batch_size": batch_size}, evaluate={"every_steps": 24})
    assert (found.train.epochs, found.train.steps) == (epochs, None)
    assert found.evaluate.every_epochs == -(-24 // -(-12 // batch_size))
    assert not found.counts_steps
    with pytest.raises(ValueError, match="must be made epochs first"):
        make_plan(experiment(train={"steps": steps}), [12])
    path = make_plan(found, [12]).paths[0]
    assert path.end_step >= steps


def test_an_axis_of_steps_is_an_axis_of_epochs() -> None:
    search = {"steps": [24, 60], "text_encoder_ratio": [0.5, 1]}
    given, plain = converted(search=search), experiment(search={"epochs": [2, 5], "text_encoder_ratio": [0.5, 1]})
    assert make_plan(given, [12]) == make_plan(plain, [12])


@pytest.mark.parametrize(
    ("axis", "wanted"),
    [
        ({"uniform": [24, 120]}, {"uniform": [2, 10]}),
        ({"loguniform": [30, 120]}, {"loguniform": [3, 10]}),
        ({"choice": [12, 24]}, {"choice": [1, 2]}),
        ({"uniform": [13, 24]}, {"choice": [2]}),
        ({"loguniform": [13, 24]}, {"choice": [2]}),
    ],
    ids=str,
)
def test_distributions_of_steps(axis: dict[str, list[int]], wanted: object) -> None:
    found = converted(search={"steps": axis, "samples": 3})
    wanted_search = experiment(search={"epochs": wanted, "samples": 3}).search
    assert (found.search.axes, found.search.samples) == (wanted_search.axes, wanted_search.samples)


def test_what_says_nothing_of_steps_is_left_alone() -> None:
    setup = experiment(train={"epochs": 7})
    assert in_epochs(setup, photos_of(setup, [12])) is setup


def test_epochs_of_different_lengths_have_no_steps_in_common() -> None:
    with pytest.raises(
        ConfigError, match=r"search\.batch_size: is swept, so that epochs have different numbers of steps"
    ):
        converted(train={"steps": 100}, search={"batch_size": [1, 2]})
    assert converted(train={"steps": 24}, search={"resolution": [64, 128]}).train.epochs == 2


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"train": {"epochs": 5, "steps": 9}}, "remove it, or train.epochs"),
        ({"train": {"steps": 9}, "search": {"epochs": [1]}}, "remove it, or search.epochs"),
        ({"search": {"steps": [9], "epochs": [1]}}, "remove it, or search.epochs"),
        ({"train": {"steps": 9}, "search": {"steps": [1]}}, "remove it, or search.steps"),
        ({"evaluate": {"every_steps": 9, "every_epochs": 3}}, "remove it, or every_epochs"),
    ],
    ids=str,
)
def test_a_length_is_said_once(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        experiment(**sections)
