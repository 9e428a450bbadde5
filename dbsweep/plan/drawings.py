"""What a sweep draws: class images, evaluations, late looks and the race, grids."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from dbsweep.config.concept import FILEWORDS
from dbsweep.config.schema import Concept, Experiment, Train
from dbsweep.plan.courses import Course
from dbsweep.plan.looks import most_late_looks
from dbsweep.plan.photos import Photos


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


def class_images(concepts: Sequence[Concept], courses: Sequence[Course], photos: Sequence[Photos]) -> Iterator[Drawing]:
    """The largest set of each pool once, without the user's own: smaller trials use its first images."""
    kinds = {(t.resolution, t.aspect_ratio_buckets, t.class_images_per_instance): t for t in _with_prior(courses)}
    pairs = product(kinds.values(), zip(concepts, photos, strict=True))
    sets = [each for train, (concept, own) in pairs for each in _class_image_sets(train, concept, own)]
    largest = dict(sorted(sets, key=lambda each: each[1].count))  # of the sets of one pool the last one stays
    yield from largest.values()


def _class_image_sets(train: Train, concept: Concept, photos: Photos) -> Iterator[tuple[tuple[object, ...], Drawing]]:
    """What a trial takes of each pool of a concept's class images, one for each size of its photos."""
    how = concept.class_images
    captions = str(concept.instance_images) if FILEWORDS in concept.class_prompt else ""
    passes = _passes(how.num_inference_steps, how.guidance_scale)
    for size, count in photos.by_size(train).items():
        missing = max(0, photos.per_photo(train) * count - photos.class_images)
        yield (size, concept.class_prompt, how, captions), Drawing(missing, train.resolution, passes)


def evaluations(experiment: Experiment, looks: int) -> Drawing:
    """Every evaluation, and the untrained base model with all seeds that may be drawn.

    The base model also draws each instance prompt with the token left in.

    Args:
        looks: checkpoints that are looked at while trials train.
    """
    evaluate = experiment.evaluate
    seeds = evaluate.levels[-1] + evaluate.images_per_prompt * looks
    tokens = len(experiment.concepts) * evaluate.token_images
    images = _prompts_per_evaluation(experiment) * seeds + tokens
    # Where the resolution is swept, all trials are drawn at one, to be compared.
    return Drawing(images, experiment.train.resolution, _passes_of(experiment))


def further_looks(experiment: Experiment, looks: int, unseen: int) -> Drawing:
    """The most that the end of the sweep can draw: late looks, and the race.

    Args:
        looks: checkpoints that are looked at while trials train; unseen: those that are not.
    """
    images = _race_images(experiment, looks) + _late_images(experiment, unseen)
    return Drawing(images, experiment.train.resolution, _passes_of(experiment))


def grids(experiment: Experiment) -> Iterator[Drawing]:
    """Every cell with every seed, once."""
    passes = _passes_of(experiment)
    for grid in experiment.grids:
        cells = math.prod(len(axis.values) for axis in grid.axes)
        yield Drawing(cells * len(grid.seeds), experiment.train.resolution, passes)


def _prompts_per_evaluation(experiment: Experiment) -> int:
    """Prompts that every evaluation draws: instance and class prompts in all contexts, sanity prompts."""
    contexts = 1 + len(experiment.evaluate.contexts)
    return sum(2 * contexts + len(concept.sanity_prompts) for concept in experiment.concepts)


def _race_images(experiment: Experiment, evaluations: int) -> int:
    """The most images that the race at the end can draw: each round at most the finalists draw further seeds."""
    evaluate = experiment.evaluate
    finalists = min(evaluate.race.finalists, evaluations)
    if finalists < 2:
        return 0
    return finalists * _prompts_per_evaluation(experiment) * (evaluate.levels[-1] - evaluate.images_per_prompt)


def _late_images(experiment: Experiment, unseen: int) -> int:
    """The most images that late looks can draw, at both sides of the best: see `dbsweep.sweep.late_looks`."""
    looks = min(unseen, most_late_looks(experiment))
    return looks * _prompts_per_evaluation(experiment) * experiment.evaluate.images_per_prompt


def _with_prior(courses: Sequence[Course]) -> Iterator[Train]:
    return (course.train for course in courses if course.train.prior_loss_weight > 0)


def _passes_of(experiment: Experiment) -> int:
    return _passes(experiment.evaluate.num_inference_steps, experiment.evaluate.guidance_scale)


def _passes(num_inference_steps: int, guidance_scale: float) -> int:
    return num_inference_steps * (1 if guidance_scale == 1.0 else 2)
