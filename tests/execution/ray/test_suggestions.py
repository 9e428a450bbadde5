"""Optuna through Ray Tune: repeatable, within bounds, and better than chance."""

from __future__ import annotations

import math

import pytest

from dbsweep.config.axes import LogUniform, SearchAxis, Selected, Uniform
from dbsweep.execution.ray.suggestions import suggest
from dbsweep.plan.space import Point

AXES: dict[str, SearchAxis] = {
    "learning_rate": LogUniform(loguniform=(1e-6, 1e-2)),
    "epochs": Uniform(uniform=(2, 9)),
    "optimizer": Selected(choice=("adamw", "adamw_8bit")),
}


def observed(count: int) -> list[tuple[Point, float]]:
    """Utility falls with the distance of the learning rate from 1e-4."""
    rates = [10 ** (-6 + 4 * i / (count - 1)) for i in range(count)]
    points: list[Point] = [{"learning_rate": rate, "epochs": 5, "optimizer": "adamw"} for rate in rates]
    return [(point, 1.0 - abs(math.log10(rate) + 4) / 2) for point, rate in zip(points, rates, strict=True)]


def test_the_same_results_give_the_same_points():
    assert suggest(AXES, observed(10), 4, seed=1) == suggest(AXES, observed(10), 4, seed=1)
    assert suggest(AXES, observed(10), 4, seed=1) != suggest(AXES, observed(10), 4, seed=2)


def test_points_are_new_and_of_their_settings_types():
    points = suggest(AXES, observed(10), 4, seed=0)
    assert len(points) == len({tuple(point.values()) for point in points}) == 4
    for point in points:
        assert 1e-6 <= float(point["learning_rate"]) <= 1e-2
        assert type(point["epochs"]) is int
        assert 2 <= point["epochs"] <= 9
        assert point["optimizer"] in ("adamw", "adamw_8bit")


def test_points_gather_where_the_utility_was_high():
    rates = [float(p["learning_rate"]) for seed in range(5) for p in suggest(AXES, observed(20), 4, seed=seed)]
    # A third of the logarithmic range lies within a factor of 4.6 of 1e-4: chance would put 1 in 3 there.
    assert sum(abs(math.log10(rate) + 4) < 2 / 3 for rate in rates) > len(rates) / 2


@pytest.mark.parametrize(("known", "left"), [(1, 1), (2, 0)])
def test_a_space_that_is_used_up_gives_what_is_left(known: int, left: int):
    axes: dict[str, SearchAxis] = {"optimizer": Selected(choice=("adamw", "adamw_8bit"))}
    have: list[tuple[Point, float]] = [({"optimizer": name}, 0.5) for name in ("adamw", "adamw_8bit")[:known]]
    assert len(suggest(axes, have, 4, seed=0)) == left
