"""How often trainings are looked at: `evaluate.look_every`, and what it is where it is auto."""

from __future__ import annotations

import math

from dbsweep.config.evaluate import LEADERS
from dbsweep.config.schema import Experiment
from dbsweep.plan.space import shortest_epochs

ENOUGH = 8
"""Checkpoints of a trial with which every second look can be spared: `benchmarks.selection` has measured so many."""

SPACED = 2
"""The distance of looks that was measured."""


def look_every_of(experiment: Experiment) -> int:
    """Checkpoints from one look to the next, of all trials.

    Where it is auto, the shortest trial that the search can have decides: trials that are compared are looked at alike,
    and neither a further sample nor a point that a searcher proposes later changes it. Where `checkpoints.keep` asks
    for little disk, all are looked at, since what has been passed over is kept until the end of the sweep.
    """
    given = experiment.evaluate.look_every
    if given != "auto":
        return given
    checkpoints = math.ceil(shortest_epochs(experiment) / experiment.evaluate.every_epochs)
    return SPACED if checkpoints >= ENOUGH and experiment.checkpoints.keep == "all" else 1


def settled(experiment: Experiment) -> Experiment:
    """The experiment with `look_every_of` as its `look_every`: what stands in a run's file is decided once."""
    evaluate = experiment.evaluate.model_copy(update={"look_every": look_every_of(experiment)})
    return experiment.model_copy(update={"evaluate": evaluate})


def look_notes(experiment: Experiment) -> tuple[str, ...]:
    """What a person should know of an auto that passes checkpoints over."""
    if experiment.evaluate.look_every != "auto" or look_every_of(experiment) == 1:
        return ()
    return (
        f"look_every auto: every trial has {ENOUGH} checkpoints or more, so every second is looked at while it trains, "
        "and of the others those beside the best, at the end",
    )


def look_epochs(experiment: Experiment) -> int:
    """Epochs from one look to the next while trials train."""
    return experiment.evaluate.every_epochs * look_every_of(experiment)


def most_late_looks(experiment: Experiment) -> int:
    """At checkpoints that were passed over: at both sides of the leaders, in as many rounds as `look_every`."""
    every = look_every_of(experiment)
    return 2 * LEADERS * every if every > 1 else 0
