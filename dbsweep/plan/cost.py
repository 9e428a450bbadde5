"""What a plan takes: steps, images, disk and time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dbsweep.config.schema import Experiment, Train
from dbsweep.plan.courses import Course
from dbsweep.plan.drawings import Drawing, class_images, evaluations, further_looks, grids
from dbsweep.plan.looks import look_epochs, look_every_of
from dbsweep.plan.memory.ladder import images_per_pass
from dbsweep.plan.photos import Photos, uses_per_epoch
from dbsweep.plan.rates import Rates
from dbsweep.records.plan import Branch, Cost

_PNG_BYTES_PER_PIXEL = 1.7  # of photo-like images, which PNG compresses by less than half

LONE_IMAGE = 0.7
"""Share of a step's time that it takes without class images. Not a half: smaller passes use a machine worse
(`dbsweep.plan.memory.ladder.PASS_OVERHEAD`)."""


@dataclass(frozen=True, slots=True)
class Leg:
    """What one worker trains in one go: a branch, or a trial by itself.

    Attributes:
        steps: optimizer steps.
        images_per_step: instance images, on average over an epoch: its last batch, and that of each size, may be short.
        evaluations: checkpoints that are drawn and scored.
        checkpoints: all of them.
        forks: those that keep their state for another branch.
    """

    train: Train
    steps: int
    images_per_step: float
    evaluations: int
    checkpoints: int
    forks: int


def cost_of(
    experiment: Experiment,
    courses: Sequence[Course],
    branches: Sequence[Branch],
    photos: Sequence[Photos],
    rates: Rates,
) -> Cost:
    """Steps, images, disk and time of a sweep, and what they would be alone; time is None where no rate is known."""
    trains = {course.trial.id: course.train for course in courses}
    shared = [_leg_of(branch, trains, photos) for branch in branches]
    alone = [_leg_alone(course, experiment, photos) for course in courses]
    once = [*class_images(experiment.concepts, courses, photos), *grids(experiment)]
    steps = sum(leg.steps for leg in alone)
    apart = _cost(experiment, alone, once, rates, steps, trials=len(courses))
    return _cost(experiment, shared, once, rates, steps, trials=len(courses)).model_copy(update={"alone": apart})


def _cost(
    experiment: Experiment,
    legs: Sequence[Leg],
    once: Sequence[Drawing],
    rates: Rates,
    steps_alone: int,
    *,
    trials: int,
) -> Cost:
    looks, checkpoints = sum(leg.evaluations for leg in legs), sum(leg.checkpoints for leg in legs)
    drawings = [*once, evaluations(experiment, looks)]
    race = further_looks(experiment, looks, checkpoints - looks)
    return Cost(
        steps_alone=steps_alone,
        steps_shared=sum(leg.steps for leg in legs),
        images=sum(drawing.count for drawing in drawings),
        race_images=race.count,
        disk_bytes=_disk_bytes(legs, _kept(experiment, legs, trials), [*drawings, race], rates),
        seconds=_seconds(legs, [*drawings, race], rates),
    )


def _leg_of(branch: Branch, trains: dict[str, Train], photos: Sequence[Photos]) -> Leg:
    # Whatever differs between the trials of one branch, epochs and ratio, changes nothing that is asked for here.
    train = trains[branch.trials[0]]
    return Leg(
        train=train,
        steps=branch.end_step - branch.fork_step,
        images_per_step=uses_per_epoch(photos) / branch.steps_per_epoch,
        evaluations=sum(milestone.evaluate for milestone in branch.milestones),
        checkpoints=len(branch.milestones),
        forks=sum(milestone.fork for milestone in branch.milestones),
    )


def _leg_alone(course: Course, experiment: Experiment, photos: Sequence[Photos]) -> Leg:
    return Leg(
        train=course.train,
        steps=course.steps,
        images_per_step=uses_per_epoch(photos) / course.steps_per_epoch,
        evaluations=math.ceil(course.epochs / look_epochs(experiment)),
        checkpoints=math.ceil(course.epochs / experiment.evaluate.every_epochs),
        forks=0,
    )


def _kept(experiment: Experiment, legs: Sequence[Leg], trials: int) -> int:
    """At most so many checkpoints keep their weights: when the sweep is over, or until those passed over are judged."""
    every, keep = sum(leg.checkpoints for leg in legs), experiment.checkpoints.keep
    passed_over = every - sum(leg.evaluations for leg in legs) if look_every_of(experiment) > 1 else 0
    return every if keep == "all" else min(every, keep * trials + passed_over)


def latest_checkpoints(rates: Rates, branches: int) -> int:
    """How many checkpoints running branches keep whole, to go on from after an interruption: the two latest of each."""
    return 2 * min(rates.workers, branches)


def _disk_bytes(legs: Sequence[Leg], kept: int, drawings: Sequence[Drawing], rates: Rates) -> int:
    latest = latest_checkpoints(rates, len(legs))
    states = sum(leg.forks for leg in legs) + latest
    pixels = sum(drawing.count * drawing.resolution**2 for drawing in drawings)
    # The latest have their weights, whether or not they will keep them.
    checkpoints = min(sum(leg.checkpoints for leg in legs), kept + latest)
    weights = checkpoints * rates.weight_bytes + states * rates.state_bytes
    return weights + rates.merging_bytes + round(pixels * _PNG_BYTES_PER_PIXEL)


def _seconds(legs: Sequence[Leg], drawings: Sequence[Drawing], rates: Rates) -> float | None:
    if rates.seconds_per_step is None or rates.seconds_per_unet_pass is None:
        return None
    per_step = [rates.seconds_per_step * _pairs(leg) * rates.area(leg.train.resolution) for leg in legs]
    trained = sum(leg.steps * seconds for leg, seconds in zip(legs, per_step, strict=True))
    passes = sum(drawing.count * drawing.unet_passes * rates.area(drawing.resolution) for drawing in drawings)
    total = trained + passes * rates.seconds_per_unet_pass
    # More workers do not help beyond the longest branch, which starts at the base model: a fork never ends after those
    # that it comes from.
    longest = max(leg.steps * seconds for leg, seconds in zip(legs, per_step, strict=True))
    return max(total / rates.workers, longest)


def _pairs(leg: Leg) -> float:
    """Images of a step that have a class image beside them; those that have none count as less."""
    return leg.images_per_step * (1.0 if images_per_pass(leg.train, 1) == 2 else LONE_IMAGE)
