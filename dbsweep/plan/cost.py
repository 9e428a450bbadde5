"""What a plan takes: steps, images, disk and time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dbsweep.config.concept import FILEWORDS
from dbsweep.config.schema import Concept, Experiment, Train
from dbsweep.plan.courses import Course
from dbsweep.plan.rates import Rates
from dbsweep.records import Branch, Cost, TrialPath

_PNG_BYTES_PER_PIXEL = 1.7  # of photo-like images, which PNG compresses by less than half


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


def cost_of(
    experiment: Experiment,
    courses: Sequence[Course],
    branches: Sequence[Branch],
    paths: Sequence[TrialPath],
    photo_counts: Sequence[int],
    rates: Rates,
) -> Cost:
    """Steps, images, disk and time of a sweep; time is None where no rate is known."""
    trains = {course.trial.id: course.train for course in courses}
    branch_trains = [_train_of(branch, trains) for branch in branches]
    drawings = [
        *_class_images(experiment.concepts, courses, photo_counts),
        *_evaluations(experiment, branches, branch_trains),
        *_grids(experiment),
    ]
    return Cost(
        steps_alone=sum(path.end_step for path in paths),
        steps_shared=sum(branch.end_step - branch.fork_step for branch in branches),
        images=sum(drawing.count for drawing in drawings),
        disk_bytes=_disk_bytes(branches, drawings, rates),
        seconds=_seconds(branches, branch_trains, drawings, rates),
    )


def prompts_per_evaluation(concepts: Sequence[Concept]) -> int:
    """Prompts that every evaluation draws: instance, class and sanity prompts of each concept."""
    return sum(2 + len(concept.sanity_prompts) for concept in concepts)


def _train_of(branch: Branch, trains: dict[str, Train]) -> Train:
    # Whatever differs between the trials of one branch, epochs and ratio, changes nothing that is asked for here.
    return trains[branch.trials[0]]


def _passes(num_inference_steps: int, guidance_scale: float) -> int:
    return num_inference_steps * (1 if guidance_scale == 1.0 else 2)


def _class_images(
    concepts: Sequence[Concept], courses: Sequence[Course], photo_counts: Sequence[int]
) -> Iterator[Drawing]:
    """The largest set of each pool once: smaller trials use its first images."""
    trains = [course.train for course in courses if course.train.prior_loss_weight > 0]
    most: dict[int, int] = {}
    for train in trains:
        most[train.resolution] = max(most.get(train.resolution, 0), train.class_images_per_instance)
    for resolution, per_photo in most.items():
        pools: dict[tuple[str, str, str], Drawing] = {}
        for concept, photos in zip(concepts, photo_counts, strict=True):
            how = concept.class_images
            captions = str(concept.instance_images) if FILEWORDS in concept.class_prompt else ""
            pool = (concept.class_prompt, how.model_dump_json(), captions)
            passes = _passes(how.num_inference_steps, how.guidance_scale)
            earlier = pools[pool].count if pool in pools else 0
            pools[pool] = Drawing(max(earlier, per_photo * photos), resolution, passes)
        yield from pools.values()


def _evaluations(experiment: Experiment, branches: Sequence[Branch], trains: Sequence[Train]) -> Iterator[Drawing]:
    """Every evaluation of every branch, and the untrained base model once for each size."""
    evaluate = experiment.evaluate
    images = prompts_per_evaluation(experiment.concepts) * evaluate.images_per_prompt
    passes = _passes(evaluate.num_inference_steps, evaluate.guidance_scale)
    for resolution in dict.fromkeys(train.resolution for train in trains):
        yield Drawing(images, resolution, passes)
    for branch, train in zip(branches, trains, strict=True):
        evaluations = sum(milestone.evaluate for milestone in branch.milestones)
        yield Drawing(images * evaluations, train.resolution, passes)


def _grids(experiment: Experiment) -> Iterator[Drawing]:
    evaluate = experiment.evaluate
    passes = _passes(evaluate.num_inference_steps, evaluate.guidance_scale)
    for grid in experiment.grids:
        cells = math.prod(len(axis.values) for axis in grid.axes)
        yield Drawing(cells * len(grid.seeds), experiment.train.resolution, passes)


def _disk_bytes(branches: Sequence[Branch], drawings: Sequence[Drawing], rates: Rates) -> int:
    milestones = [milestone for branch in branches for milestone in branch.milestones]
    forks = sum(milestone.fork for milestone in milestones)
    # A branch that is being trained keeps its two latest states, to go on from after an interruption.
    states = forks + 2 * min(rates.workers, len(branches))
    pixels = sum(drawing.count * drawing.resolution**2 for drawing in drawings)
    weights = len(milestones) * rates.weight_bytes + states * rates.state_bytes
    return weights + round(pixels * _PNG_BYTES_PER_PIXEL)


def _seconds(
    branches: Sequence[Branch], trains: Sequence[Train], drawings: Sequence[Drawing], rates: Rates
) -> float | None:
    if rates.seconds_per_step is None or rates.seconds_per_unet_pass is None:
        return None
    images_per_step = [train.batch_size * train.gradient_accumulation for train in trains]
    work = zip(branches, images_per_step, strict=True)
    trained = sum((branch.end_step - branch.fork_step) * images for branch, images in work)
    passes = sum(drawing.count * drawing.unet_passes for drawing in drawings)
    total = trained * rates.seconds_per_step + passes * rates.seconds_per_unet_pass
    # More workers do not help beyond the longest way from the base model to a trial's end.
    work = zip(branches, images_per_step, strict=True)
    longest = max(branch.end_step * images for branch, images in work) * rates.seconds_per_step
    return max(total / rates.workers, longest)
