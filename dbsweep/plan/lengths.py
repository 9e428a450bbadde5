"""Lengths that the person gives in optimizer steps, as whole epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dbsweep.config.axes import LogUniform, SearchAxis, Selected, Uniform, Values
from dbsweep.config.schema import Experiment
from dbsweep.config.search import Search
from dbsweep.errors import ConfigError, Fault
from dbsweep.plan.photos import Photos, steps_per_epoch

DECIDE_THE_EPOCH = ("batch_size", "gradient_accumulation", "aspect_ratio_buckets", "resolution")
"""Settings that change how many steps an epoch has, the last one only with buckets."""


def in_epochs(experiment: Experiment, photos: Sequence[Photos]) -> Experiment:
    """The experiment with `train.steps`, `search.steps` and `evaluate.every_steps` as epochs, rounded up to whole ones.

    Raises:
        ConfigError: the search also sweeps what decides how many steps an epoch has.
    """
    train, search, evaluate = experiment.train, experiment.search, experiment.evaluate
    if not experiment.counts_steps:
        return experiment
    _refuse_uneven(experiment)
    per_epoch = steps_per_epoch(photos, train)
    changes: dict[str, object] = {}
    if train.steps is not None:
        epochs = _epochs(train.steps, per_epoch)
        changes["train"] = train.model_copy(update={"epochs": epochs, "steps": None})
    if "steps" in search.axes:
        axes = {
            "epochs" if name == "steps" else name: _axis(axis, per_epoch) if name == "steps" else axis
            for name, axis in search.axes.items()
        }
        changes["search"] = Search.model_validate(search.model_copy(update={"axes": axes}).model_dump())
    if evaluate.every_steps is not None:
        every = _epochs(evaluate.every_steps, per_epoch)
        changes["evaluate"] = evaluate.model_copy(update={"every_epochs": every, "every_steps": None})
    return experiment.model_copy(update=changes)


def _refuse_uneven(experiment: Experiment) -> None:
    has_buckets = experiment.train.aspect_ratio_buckets or "aspect_ratio_buckets" in experiment.search.axes
    swept = [
        name for name in DECIDE_THE_EPOCH if name in experiment.search.axes and (name != "resolution" or has_buckets)
    ]
    if swept:
        message = (
            f"is swept, so that epochs have different numbers of steps: give lengths in epochs (train.epochs,"
            f" search.epochs, evaluate.every_epochs), or sweep {' and '.join(swept)} in a run of its own"
        )
        raise ConfigError(experiment.name, [Fault(f"search.{swept[0]}", message)])


def _epochs(steps: float, per_epoch: int) -> int:
    return max(1, math.ceil(steps / per_epoch))


def _axis(axis: SearchAxis, per_epoch: int) -> SearchAxis:
    match axis:
        case Values():
            return Values(values=tuple(_epochs(float(value), per_epoch) for value in axis.values))
        case Selected():
            return Selected(choice=tuple(_epochs(float(value), per_epoch) for value in axis.choice))
        case Uniform():
            low, high = (_epochs(bound, per_epoch) for bound in axis.uniform)
            return Uniform(uniform=(low, high)) if low < high else Selected(choice=(low,))  # it stays a distribution
        case LogUniform():
            low, high = (_epochs(bound, per_epoch) for bound in axis.loguniform)
            return LogUniform(loguniform=(low, high)) if low < high else Selected(choice=(low,))
