"""The search space as trials: every combination of the grid axes, each with every sample of the distributions."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import product

from dbsweep.config.axes import SearchAxis, Selected, Uniform, Values
from dbsweep.config.schema import Experiment, Train
from dbsweep.errors import ConfigError, Fault
from dbsweep.records import Scalar, Trial

CONTRACT_SETTINGS = ("learning_rate", "epochs", "class_images_per_instance", "text_encoder_ratio")
"""Settings that every trial names, swept or not."""

MOST_TRIALS = 100_000
"""Beyond this a grid is a mistake: nobody trains it, and planning it would fill the memory."""

_DIGITS = 4  # of sampled values: enough to differ, few enough to read and to type


def make_trials(experiment: Experiment) -> tuple[tuple[Trial, ...], tuple[str, ...]]:
    """The trials of an experiment, first axis outermost, and notes about them.

    Samples depend on `train.seed`, the setting's name and the sample's number alone, so raising `samples` keeps the
    trials that were there. Points that come out equal are one trial.

    Raises:
        ConfigError: more than `MOST_TRIALS` trials.
    """
    count = _count(experiment)
    if count > MOST_TRIALS:
        message = f"makes {count:,} trials; at most {MOST_TRIALS:,}. Sample the axes with loguniform, uniform or choice"
        raise ConfigError(experiment.name, [Fault("search", message)])
    contract = {name: getattr(experiment.train, name) for name in CONTRACT_SETTINGS}
    points = {tuple(settings.values()): settings for settings in _points(experiment, contract)}
    width = max(3, len(str(len(points))))
    trials = tuple(
        Trial(id=f"t{number:0{width}d}", settings=settings) for number, settings in enumerate(points.values(), 1)
    )
    twice = count - len(trials)
    return trials, (f"{_trials(twice)} removed: the same settings as another",) if twice else ()


def _trials(count: int) -> str:
    return f"{count:,} trial{'' if count == 1 else 's'}"


def _count(experiment: Experiment) -> int:
    axes = experiment.search.axes.values()
    grid = math.prod(len(axis.values) for axis in axes if isinstance(axis, Values))
    return grid * len(_samples(experiment))


def _points(experiment: Experiment, contract: dict[str, Scalar]) -> Iterator[dict[str, Scalar]]:
    grid = {name: axis.values for name, axis in experiment.search.axes.items() if isinstance(axis, Values)}
    samples = _samples(experiment)
    names = [*contract, *(name for name in experiment.search.axes if name not in contract)]
    for values in product(*grid.values()):
        for sample in samples:
            settings = {**contract, **dict(zip(grid, values, strict=True)), **sample}
            yield {name: settings[name] for name in names}


def _samples(experiment: Experiment) -> list[dict[str, Scalar]]:
    sampled = {name: axis for name, axis in experiment.search.axes.items() if not isinstance(axis, Values)}
    if not sampled:
        return [{}]
    seed = experiment.train.seed
    return [
        {name: _draw(name, axis, random.Random(f"{seed} {name} {number}")) for name, axis in sampled.items()}
        for number in range(experiment.search.samples)
    ]


def _draw(name: str, axis: SearchAxis, generator: random.Random) -> Scalar:
    if isinstance(axis, Values):
        raise TypeError(f"{name} is a grid axis, not a distribution")
    if isinstance(axis, Selected):
        return generator.choice(axis.choice)
    if isinstance(axis, Uniform):
        (low, high), value = axis.uniform, generator.uniform(*axis.uniform)
    else:
        low, high = axis.loguniform
        value = math.exp(generator.uniform(math.log(low), math.log(high)))
    if Train.model_fields[name].annotation is int:
        return round(value)
    # Rounding, and exp(log(x)), may step over a bound.
    return min(max(float(f"{value:.{_DIGITS}g}"), low), high)
