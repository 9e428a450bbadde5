"""What a plan takes: steps, images, disk and time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dbsweep.config.concept import FILEWORDS
from dbsweep.config.schema import Concept, Experiment, Train
from dbsweep.plan.buckets import Size
from dbsweep.plan.courses import Course
from dbsweep.plan.ladder import images_per_pass
from dbsweep.plan.looks import look_epochs, look_every_of, most_late_looks
from dbsweep.plan.photos import Photos, uses_per_epoch
from dbsweep.plan.rates import Rates
from dbsweep.records.plan import Branch, Cost

_PNG_BYTES_PER_PIXEL = 1.7  # of photo-like images, which PNG compresses by less than half

LONE_IMAGE = 0.7
"""Share of a step's time that it takes without class images. Not a half: smaller passes use a machine worse
(`dbsweep.plan.ladder.FULL_PASS`)."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Images that are drawn in the same way.

    Attributes:
        count: how many.
        resolution: their side in pixels.
        unet_passes: of each image: its sampling steps, twice with CFG.
    """

    count: int
    resolution: int
    unet_passes: int


@dataclass(frozen=True, slots=True)
class Leg:
    """What one worker trains in one go: a branch, or a trial by itself.

    Attributes:
        steps: optimizer steps; end_step: the same, counted from the base model.
        images_per_step: instance images, on average over an epoch: its last batch, and that of each size, may be short.
        evaluations: checkpoints that are drawn and scored.
        checkpoints: all of them.
        forks: those that keep their state for another branch.
    """

    train: Train
    steps: int
    end_step: int
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
    once = [*_class_images(experiment.concepts, courses, photos), *_grids(experiment)]
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
    drawings = [*once, _evaluations(experiment, legs)]
    looks, checkpoints = sum(leg.evaluations for leg in legs), sum(leg.checkpoints for leg in legs)
    further = race_images(experiment, looks) + late_images(experiment, checkpoints - looks)
    race = Drawing(further, experiment.train.resolution, _passes_of(experiment))
    return Cost(
        steps_alone=steps_alone,
        steps_shared=sum(leg.steps for leg in legs),
        images=sum(drawing.count for drawing in drawings),
        race_images=further,
        disk_bytes=_disk_bytes(legs, _kept(experiment, legs, trials), [*drawings, race], rates),
        seconds=_seconds(legs, [*drawings, race], rates),
    )


def _leg_of(branch: Branch, trains: dict[str, Train], photos: Sequence[Photos]) -> Leg:
    # Whatever differs between the trials of one branch, epochs and ratio, changes nothing that is asked for here.
    train = trains[branch.trials[0]]
    return Leg(
        train=train,
        steps=branch.end_step - branch.fork_step,
        end_step=branch.end_step,
        images_per_step=uses_per_epoch(photos) / branch.steps_per_epoch,
        evaluations=sum(milestone.evaluate for milestone in branch.milestones),
        checkpoints=len(branch.milestones),
        forks=sum(milestone.fork for milestone in branch.milestones),
    )


def _leg_alone(course: Course, experiment: Experiment, photos: Sequence[Photos]) -> Leg:
    return Leg(
        train=course.train,
        steps=course.steps,
        end_step=course.steps,
        images_per_step=uses_per_epoch(photos) / course.steps_per_epoch,
        evaluations=math.ceil(course.epochs / look_epochs(experiment)),
        checkpoints=math.ceil(course.epochs / experiment.evaluate.every_epochs),
        forks=0,
    )


def prompts_per_evaluation(experiment: Experiment) -> int:
    """Prompts that every evaluation draws: instance and class prompts in all contexts, sanity prompts."""
    contexts = 1 + len(experiment.evaluate.contexts)
    return sum(2 * contexts + len(concept.sanity_prompts) for concept in experiment.concepts)


def race_images(experiment: Experiment, evaluations: int) -> int:
    """The most images that the race at the end can draw: each round at most the finalists draw further seeds."""
    evaluate = experiment.evaluate
    finalists = min(evaluate.race.finalists, evaluations)
    if finalists < 2:
        return 0
    return finalists * prompts_per_evaluation(experiment) * (evaluate.levels[-1] - evaluate.images_per_prompt)


def late_images(experiment: Experiment, unseen: int) -> int:
    """The most images that late looks can draw, at both sides of the best: see `dbsweep.sweep.late_looks`.

    Args:
        unseen: checkpoints that nobody looks at while trials train.
    """
    looks = min(unseen, most_late_looks(experiment))
    return looks * prompts_per_evaluation(experiment) * experiment.evaluate.images_per_prompt


def _passes_of(experiment: Experiment) -> int:
    return _passes(experiment.evaluate.num_inference_steps, experiment.evaluate.guidance_scale)


def _passes(num_inference_steps: int, guidance_scale: float) -> int:
    return num_inference_steps * (1 if guidance_scale == 1.0 else 2)


def _class_images(
    concepts: Sequence[Concept], courses: Sequence[Course], photos: Sequence[Photos]
) -> Iterator[Drawing]:
    """The largest set of each pool once, without the user's own: smaller trials use its first images."""
    pools: dict[tuple[Size, str, str, str], Drawing] = {}
    settings = {(t.resolution, t.aspect_ratio_buckets, t.class_images_per_instance): t for t in _with_prior(courses)}
    for train in settings.values():
        for concept, own in zip(concepts, photos, strict=True):
            how = concept.class_images
            captions = str(concept.instance_images) if FILEWORDS in concept.class_prompt else ""
            passes = _passes(how.num_inference_steps, how.guidance_scale)
            for size, count in own.by_size(train).items():
                pool = (size, concept.class_prompt, how.model_dump_json(), captions)
                earlier = pools[pool].count if pool in pools else 0
                missing = max(earlier, train.class_images_per_instance * count - own.class_images)
                pools[pool] = Drawing(missing, train.resolution, passes)
    yield from pools.values()


def _with_prior(courses: Sequence[Course]) -> Iterator[Train]:
    return (course.train for course in courses if course.train.prior_loss_weight > 0)


def _evaluations(experiment: Experiment, legs: Sequence[Leg]) -> Drawing:
    """Every evaluation, and the untrained base model with all seeds that may be drawn.

    The base model also draws each instance prompt with the token left in.
    """
    evaluate = experiment.evaluate
    seeds = evaluate.levels[-1] + evaluate.images_per_prompt * sum(leg.evaluations for leg in legs)
    tokens = len(experiment.concepts) * evaluate.token_images
    images = prompts_per_evaluation(experiment) * seeds + tokens
    # Where the resolution is swept, all trials are drawn at one, to be compared.
    return Drawing(images, experiment.train.resolution, _passes_of(experiment))


def _grids(experiment: Experiment) -> Iterator[Drawing]:
    passes = _passes_of(experiment)
    for grid in experiment.grids:
        cells = math.prod(len(axis.values) for axis in grid.axes)
        yield Drawing(cells * len(grid.seeds), experiment.train.resolution, passes)


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
    return weights + round(pixels * _PNG_BYTES_PER_PIXEL)


def _seconds(legs: Sequence[Leg], drawings: Sequence[Drawing], rates: Rates) -> float | None:
    if rates.seconds_per_step is None or rates.seconds_per_unet_pass is None:
        return None
    per_step = [rates.seconds_per_step * _pairs(leg) * rates.area(leg.train.resolution) for leg in legs]
    trained = sum(leg.steps * seconds for leg, seconds in zip(legs, per_step, strict=True))
    passes = sum(drawing.count * drawing.unet_passes * rates.area(drawing.resolution) for drawing in drawings)
    total = trained + passes * rates.seconds_per_unet_pass
    # More workers do not help beyond the longest way from the base model to a trial's end.
    longest = max(leg.end_step * seconds for leg, seconds in zip(legs, per_step, strict=True))
    return max(total / rates.workers, longest)


def _pairs(leg: Leg) -> float:
    """Images of a step that have a class image beside them; those that have none count as less."""
    return leg.images_per_step * (1.0 if images_per_pass(leg.train, 1) == 2 else LONE_IMAGE)
