"""Points that Optuna proposes from the results so far, through Ray Tune's searcher."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from ray.tune.search.optuna import OptunaSearch

from dbsweep.config.axes import LogUniform, SearchAxis, Selected, Uniform, Values
from dbsweep.config.schema import Train
from dbsweep.plan.space import Point, legible

METRIC = "utility"

ATTEMPTS = 10
"""Points asked for each one that is wanted: those that are known already train nothing new."""

Distribution: TypeAlias = CategoricalDistribution | FloatDistribution | IntDistribution


def suggest(axes: dict[str, SearchAxis], observed: Sequence[tuple[Point, float]], count: int, seed: int) -> list[Point]:
    """Up to `count` new points; fewer where Optuna proposes nothing else that is new.

    A fresh searcher is told of everything that has been observed, in order, so that the same results and seed give
    the same points, in this process or after a resumption.

    Args:
        axes: the distributions, by the setting's name.
        observed: points and their utilities, in the order of the plan.
        seed: of the sampler.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # The liar keeps points that are proposed together apart from each other.
    sampler = optuna.samplers.TPESampler(seed=seed + len(observed), n_startup_trials=1, constant_liar=True)
    space = {name: _distribution(name, axis) for name, axis in axes.items()}
    searcher = OptunaSearch(space, metric=METRIC, mode="max", sampler=sampler)
    for point, utility in observed:
        searcher.add_evaluated_point(point, utility)
    known = {tuple(point[name] for name in axes) for point, _ in observed}
    points: list[Point] = []
    for attempt in range(ATTEMPTS * count):
        raw = searcher.suggest(f"suggestion-{attempt}")
        point = {name: _value(name, axis, raw[name]) for name, axis in axes.items()}
        if (values := tuple(point.values())) not in known:
            known.add(values)
            points.append(point)
        if len(points) == count:
            break
    return points


def _distribution(name: str, axis: SearchAxis) -> Distribution:
    if isinstance(axis, Values):
        raise TypeError(f"{name} is a grid axis, not a distribution")
    if isinstance(axis, Selected):
        return CategoricalDistribution(axis.choice)
    low, high = _bounds(axis)
    is_log = isinstance(axis, LogUniform)
    if Train.model_fields[name].annotation is int:
        return IntDistribution(math.ceil(low), math.floor(high), log=is_log)
    return FloatDistribution(low, high, log=is_log)


def _value(name: str, axis: SearchAxis, raw: Any) -> Any:  # noqa: ANN401  (a setting's own type)
    return raw if isinstance(axis, Selected | Values) else legible(name, raw, _bounds(axis))


def _bounds(axis: Uniform | LogUniform) -> tuple[float, float]:
    return axis.uniform if isinstance(axis, Uniform) else axis.loguniform
