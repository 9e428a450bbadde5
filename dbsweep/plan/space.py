"""The search space as trials: every combination of the grid axes, each with every sample of the distributions."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import product
from typing import TypeAlias

from dbsweep.config.axes import SearchAxis, Selected, Uniform, Values
from dbsweep.config.messages import counted
from dbsweep.config.schema import Experiment, Train
from dbsweep.config.search import SchedulerName
from dbsweep.errors import ConfigError, Fault
from dbsweep.records.plan import Trial
from dbsweep.records.record import Scalar

Point: TypeAlias = dict[str, Scalar]
"""Settings by name: of a whole trial, or of the sampled axes alone."""

CONTRACT_SETTINGS = ("learning_rate", "epochs", "class_images_per_instance", "text_encoder_ratio")
"""Settings that every trial names, swept or not."""

MOST_TRIALS = 100_000
"""Beyond this a grid is a mistake: nobody trains it, and planning it would fill the memory."""

_DIGITS = 4  # of sampled values: enough to differ, few enough to read and to type


def make_trials(experiment: Experiment) -> tuple[tuple[Trial, ...], tuple[str, ...]]:
    """The trials of an experiment that are known beforehand, first axis outermost, and notes about them.

    Samples depend on `train.seed`, the setting's name and the sample's number alone, so raising `samples` keeps the
    trials that were there. Points that come out equal are one trial.

    Raises:
        ConfigError: more than `MOST_TRIALS` trials.
    """
    count = _count(experiment)
    if count > MOST_TRIALS:
        message = f"makes {count:,} trials; at most {MOST_TRIALS:,}. Sample the axes with loguniform, uniform or choice"
        raise ConfigError(experiment.name, [Fault("search", message)])
    samples = drawn_points(experiment, experiment.search.points_known)
    found = _distinct(experiment, samples)
    numbered = len(found) if experiment.search.points_known == experiment.search.samples else count
    twice = len(samples) * grid_size(experiment) - len(found)
    notes = (f"{counted(twice, 'trial')} removed: the same settings as another",) if twice else ()
    return _numbered(found, 1, max(3, len(str(numbered)))), notes


def more_trials(experiment: Experiment, known: Sequence[Trial], points: Sequence[Point]) -> tuple[Trial, ...]:
    """The trials of further points that are not known already, numbered on."""
    have = {tuple(trial.settings.values()) for trial in known}
    found = [settings for settings in _distinct(experiment, points) if tuple(settings.values()) not in have]
    return _numbered(found, len(known) + 1, len(known[0].id) - 1)


def drawn_points(experiment: Experiment, count: int) -> list[Point]:
    """The first random samples of the axes that are distributions; one empty point where there is none."""
    sampled, seed = experiment.search.sampled, experiment.train.seed
    if not sampled:
        return [{}]
    return [
        {name: _draw(name, axis, random.Random(f"{seed} {name} {number}")) for name, axis in sampled.items()}
        for number in range(count)
    ]


def points_of(experiment: Experiment, trials: Sequence[Trial]) -> list[Point]:
    """The sampled points that the trials were made from, each once, in order."""
    names = tuple(experiment.search.sampled)
    points = {tuple(trial.settings[name] for name in names): None for trial in trials}
    return [dict(zip(names, values, strict=True)) for values in points]


def longest_epochs(experiment: Experiment) -> int:
    """The most epochs that a trial of the search can have."""
    return max(experiment.lengths)


def shortest_epochs(experiment: Experiment) -> int:
    """The fewest epochs that a trial of the search can have."""
    return min(experiment.lengths)


def grace_epochs(experiment: Experiment) -> int:
    """Before which no trial is ended by `search.scheduler`.

    Where it is auto, a quarter of the longest, rounded up; a third for asha, which asks about rank, not chance.
    """
    search = experiment.search
    part = 3 if search.scheduler is SchedulerName.ASHA else 4
    return search.grace_epochs if search.grace_epochs != "auto" else math.ceil(longest_epochs(experiment) / part)


def rungs_of(first: float, factor: float, longest: int) -> tuple[float, ...]:
    """Epochs at which asha compares, each `factor` times the one before."""
    found = [float(first)]
    while found[-1] * factor <= longest:
        found.append(found[-1] * factor)
    return tuple(found)


def grid_size(experiment: Experiment) -> int:
    """Trials of one sampled point: every combination of the grid axes."""
    return math.prod(len(axis.values) for axis in experiment.search.grid.values())


def _numbered(settings: Sequence[Point], first: int, width: int) -> tuple[Trial, ...]:
    return tuple(Trial(id=f"t{number:0{width}d}", settings=each) for number, each in enumerate(settings, first))


def _count(experiment: Experiment) -> int:
    return grid_size(experiment) * (experiment.search.samples if experiment.search.sampled else 1)


def _distinct(experiment: Experiment, samples: Sequence[Point]) -> list[Point]:
    """The settings of every combination, equal ones once."""
    contract: Point = {name: getattr(experiment.train, name) for name in CONTRACT_SETTINGS}
    grid = {name: axis.values for name, axis in experiment.search.grid.items()}
    names = [*contract, *(name for name in experiment.search.axes if name not in contract)]
    found: dict[tuple[Scalar, ...], Point] = {}
    for values in product(*grid.values()):
        for sample in samples:
            settings = {**contract, **dict(zip(grid, values, strict=True)), **sample}
            ordered = {name: settings[name] for name in names}
            found[tuple(ordered.values())] = ordered
    return list(found.values())


def _draw(name: str, axis: SearchAxis, generator: random.Random) -> Scalar:
    if isinstance(axis, Values):
        raise TypeError(f"{name} is a grid axis, not a distribution")
    if isinstance(axis, Selected):
        return generator.choice(axis.choice)
    if isinstance(axis, Uniform):
        return legible(name, generator.uniform(*axis.uniform), axis.uniform)
    low, high = axis.loguniform
    return legible(name, math.exp(generator.uniform(math.log(low), math.log(high))), axis.loguniform)


def legible(name: str, value: float, bounds: tuple[float, float]) -> int | float:
    """A sampled value as its setting takes it: whole, or rounded to few digits, and within the bounds."""
    if Train.model_fields[name].annotation is int:
        return round(value)
    # Rounding, and exp(log(x)), may step over a bound.
    return min(max(float(f"{value:.{_DIGITS}g}"), bounds[0]), bounds[1])
