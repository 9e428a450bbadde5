"""The inputs that all branches share, made once per sweep: class images, latents, the base model's reference."""

from __future__ import annotations

from dbsweep.concepts.class_images import ClassImagePool, ClassImageRequest
from dbsweep.concepts.photos import list_photos, read_square
from dbsweep.execution import loaded
from dbsweep.execution.evaluation import base_images, draw_evaluation, evaluation_seeds
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob
from dbsweep.records import Scorecard
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw
from dbsweep.scoring.prompts import evaluation_prompts
from dbsweep.scoring.reference import build_reference
from dbsweep.scoring.scorecard import score_base

IMAGES_PER_PART = 16
"""Class images that are drawn and stored at once: an interruption loses at most these."""


def draw_class_images(job: SweepJob, shard: int = 0, shards: int = 1) -> int:
    """Draws those missing class images that fall to this shard; several workers may draw different shards.

    Returns:
        How many were drawn. Each image depends on its own seed alone, so the shards change nothing.
    """
    models = loaded.untrained_models(job.base)
    # By index, not by position: while this worker looks, others are filling the pool.
    mine = [(pool, request) for pool, request in _missing(job) if request.index % shards == shard]
    for start in range(0, len(mine), IMAGES_PER_PART):
        part = mine[start : start + IMAGES_PER_PART]
        images = draw(models, [_request(request) for _, request in part], batch_size=IMAGES_PER_PART)
        for (pool, request), image in zip(part, images, strict=True):
            pool.store(request, image)
    return len(mine)


def encode_photos(job: SweepJob) -> None:
    """Fills the latent cache with the photos, at every resolution that a trial trains with."""
    for need in job.class_images:
        loaded.photo_latents(job, job.experiment.concepts[need.concept], need.resolution)


def draw_references(job: SweepJob) -> tuple[str, Scorecard]:
    """Draws what the untrained model makes of the evaluation's prompts, and scores it.

    Writes the reference and the base scorecard into the run folder, for the workers.

    Returns:
        The base model's hash and its scorecard.
    """
    run, experiment = RunFolder(job.run_folder), job.experiment
    models, encoder = loaded.untrained_models(job.base), loaded.encoder(job.encoder)
    evaluation = draw_evaluation(models, experiment, run, run.base_images, model_hash=models.sha256[:10], base=True)
    photos = [
        [read_square(path, experiment.train.resolution) for path in list_photos(concept.instance_images)]
        for concept in experiment.concepts
    ]
    prompts = evaluation_prompts(experiment.concepts)
    reference = build_reference(prompts, evaluation_seeds(experiment), base_images(evaluation), photos, encoder)
    reference.save(run.reference)
    card = score_base(evaluation.samples, reference)
    run.base_scorecard.write_text(card.model_dump_json(), encoding="utf-8")
    return models.sha256, card


def _missing(job: SweepJob) -> list[tuple[ClassImagePool, ClassImageRequest]]:
    """What is still to be drawn; concepts that share a pool ask for each image once."""
    missing: dict[tuple[str, int], tuple[ClassImagePool, ClassImageRequest]] = {}
    for need in job.class_images:
        pool = loaded.pool(job, job.experiment.concepts[need.concept], need.resolution)
        for request in pool.missing(need.count):
            missing[str(pool.folder), request.index] = (pool, request)
    return list(missing.values())


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
