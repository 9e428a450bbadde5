"""How often trainings are looked at where the person leaves it open."""

from __future__ import annotations

from typing import Any

import pytest

from dbsweep.config.schema import Experiment
from dbsweep.plan.lengths import in_epochs
from dbsweep.plan.looks import look_every_of, look_notes, settled
from dbsweep.plan.photos import photos_of
from dbsweep.plan.plan import make_plan
from tests.plan.experiments import experiment

PHOTOS = 12


def left_open(epochs: object, every_epochs: int = 10, **changes: Any) -> Experiment:
    search = {"epochs": epochs} | ({"samples": 3} if isinstance(epochs, dict) else {})
    return experiment(search=search, evaluate={"every_epochs": every_epochs}, **changes)


@pytest.mark.parametrize(
    ("epochs", "every_epochs", "expected"),
    [
        ([80], 10, 2),
        ([70], 10, 1),  # seven checkpoints
        ([71], 10, 2),  # the eighth is its end
        ([80, 200], 10, 2),
        ([40, 200], 10, 1),  # the shortest trial has four
        ([8], 1, 2),
        ({"choice": [70, 100]}, 10, 1),
        ({"choice": [90, 100]}, 10, 2),
        # Whatever the three samples are: a fourth, or a point that is proposed, may be shorter.
        ({"uniform": [70, 1000]}, 10, 1),
        ({"uniform": [80, 1000]}, 10, 2),
        ({"loguniform": [70, 1000]}, 10, 1),
        ({"loguniform": [80, 1000]}, 10, 2),
    ],
)
def test_every_second_is_looked_at_where_the_shortest_trial_has_eight_checkpoints(
    epochs: object, every_epochs: int, expected: int
) -> None:
    assert look_every_of(left_open(epochs, every_epochs)) == expected


def test_without_an_axis_the_length_of_all_trials_decides() -> None:
    assert look_every_of(experiment(train={"epochs": 79}, evaluate={"every_epochs": 10})) == 2
    assert look_every_of(experiment(train={"epochs": 70}, evaluate={"every_epochs": 10})) == 1


@pytest.mark.parametrize(("every_steps", "expected"), [(96, 2), (120, 1)])
def test_lengths_in_steps_are_counted_in_checkpoints_too(every_steps: int, expected: int) -> None:
    """800 steps of twelve photos are 67 epochs; every 8 of them make nine checkpoints, every 10 seven."""
    given = experiment(search={"steps": [800, 1200]}, evaluate={"every_steps": every_steps})
    assert look_every_of(in_epochs(given, photos_of(given, [PHOTOS]))) == expected


@pytest.mark.parametrize("given", [1, 2, 3])
def test_a_number_stands_whatever_the_length(given: int) -> None:
    for epochs in (10, 200):
        chosen = experiment(train={"epochs": epochs}, evaluate={"look_every": given})
        assert look_every_of(chosen) == given
        assert settled(chosen) == chosen
        assert look_notes(chosen) == ()


def test_whoever_keeps_few_weights_has_no_room_for_those_passed_over() -> None:
    assert look_every_of(left_open([80], checkpoints={"keep": 2})) == 1


def test_what_is_settled_is_told_and_stays() -> None:
    found = settled(left_open([80, 120]))
    assert found.evaluate.look_every == 2
    shorter = found.model_copy(update={"search": left_open([10]).search})
    assert look_every_of(shorter) == 2
    (told,) = look_notes(left_open([80, 120]))
    assert told.startswith("look_every auto: every trial has 8 checkpoints or more, so every second is looked at")
    assert look_notes(found) == look_notes(left_open([40])) == ()


def test_a_plan_is_the_same_before_and_after() -> None:
    for epochs in ([80], [40]):
        before = make_plan(left_open(epochs), [PHOTOS])
        assert before == make_plan(settled(left_open(epochs)), [PHOTOS])
    looks = [m.epoch for m in make_plan(left_open([80]), [PHOTOS]).branches[0].milestones if m.evaluate]
    assert looks == [20, 40, 60, 80]
