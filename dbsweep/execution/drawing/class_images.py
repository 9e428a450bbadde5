"""The class images of a sweep: what its pools lack is drawn, in parts that workers share out among them."""

from __future__ import annotations

from pathlib import Path

from dbsweep.concepts.class_images import ClassImagePool, ClassImageRequest
from dbsweep.execution import loaded
from dbsweep.execution.jobs import SweepJob
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw

IMAGES_PER_PART = 8
"""Class images that are drawn and stored at once, those with indices from a multiple of it on."""


def draw_class_images(job: SweepJob, shard: int = 0, shards: int = 1) -> int:
    """Draws those missing class images that fall to this shard; several workers may draw different shards.

    Some processors round differently for batches of different sizes. Therefore an image is always drawn at the same
    place of a batch of the same size, whatever is missing and however many workers there are.

    Returns:
        How many were drawn.

    Raises:
        RunError: the base model is another than the run began with, or (`ChangedError`) photos are.
    """
    models = loaded.untrained_models_of_run(job)
    drawn = 0
    # By index, not by position: while this worker looks, others are filling the pool.
    for pool, part in _parts(job):
        if part[0].index // IMAGES_PER_PART % shards != shard:
            continue
        images = draw(
            models,
            _whole_batch(part),
            batch_size=IMAGES_PER_PART,
            clip_skip=job.experiment.clip_skip,
            precision=job.experiment.evaluate.precision,
        )
        for request in part:
            pool.store(request, images[request.index % IMAGES_PER_PART])
        drawn += len(part)
    return drawn


def _parts(job: SweepJob) -> list[tuple[ClassImagePool, list[ClassImageRequest]]]:
    """What is still to be drawn, by batches; concepts that share a pool ask for each image once."""
    parts: dict[tuple[Path, int], tuple[ClassImagePool, dict[int, ClassImageRequest]]] = {}
    for need in job.class_images:
        pool = loaded.pool(job, job.experiment.concepts[need.concept], need.size)
        for request in pool.missing(need.count):
            _, part = parts.setdefault((pool.folder, request.index // IMAGES_PER_PART), (pool, {}))
            part[request.index] = request
    return [(pool, list(part.values())) for pool, part in parts.values()]


def _whole_batch(part: list[ClassImageRequest]) -> list[ImageRequest]:
    """The part's images at their places; what is there already, or not wanted, is filled up with one of them."""
    batch = [_request(part[0])] * IMAGES_PER_PART
    for request in part:
        batch[request.index % IMAGES_PER_PART] = _request(request)
    return batch


def _request(request: ClassImageRequest) -> ImageRequest:
    return ImageRequest(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        seed=request.seed,
        guidance_scale=request.guidance_scale,
        num_inference_steps=request.num_inference_steps,
        sampler=request.sampler,
        width=request.width,
        height=request.height,
    )
