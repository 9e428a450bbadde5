"""The inputs that all branches share, made once per sweep: class images, latents, the base model's reference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dbsweep.concepts.class_images import ClassImagePool, ClassImageRequest
from dbsweep.concepts.photo_sets import held_out_photos, training_photos
from dbsweep.concepts.photos import read_square
from dbsweep.concepts.token import split_token
from dbsweep.config.concept import Concept
from dbsweep.execution import loaded
from dbsweep.execution.evaluation import draw_evaluation, evaluation_seeds, images_by_prompt, prompts_to_draw
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob
from dbsweep.execution.photo_digests import refuse_other_photos
from dbsweep.execution.reference_key import found_card, reference_key, write_key
from dbsweep.models.bundle import StableDiffusion
from dbsweep.records.results import Scorecard, TokenMeaning
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw
from dbsweep.scoring.encoders import Encoder, Pixels
from dbsweep.scoring.reference import Reference, build_reference
from dbsweep.scoring.scorecard import score_base, with_validation_loss
from dbsweep.scoring.token_meaning import token_meanings, token_prompts
from dbsweep.training.validation import validation_losses

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
    models = _untrained_models(job)
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


def encode_photos(job: SweepJob) -> None:
    """Fills the latent cache with the photos, in every way in which a trial sees them."""
    for framing in job.framings:
        for concept in job.experiment.concepts:
            for size, photos in framing.by_size(training_photos(concept)).items():
                loaded.photo_views(job, photos, size, framing)


def draw_references(job: SweepJob) -> tuple[str, Scorecard]:
    """Draws the evaluation's prompts with the untrained model, all seeds that may be drawn, and scores it.

    Its scorecard is of the seeds of a first look, as the checkpoints' are.

    Writes the reference and the base scorecard into the run folder, for the workers. What is there already, and made
    from the same, stays: a run that is resumed, or has several rounds, draws it once.

    Returns:
        The base model's hash and its scorecard.

    Raises:
        RunError: the base model is another than the run began with, or (`ChangedError`) photos are; what it drew stays.
    """
    run, models = RunFolder(job.run_folder), _untrained_models(job)
    photos, held_out = _squares(job, training_photos), _squares(job, held_out_photos)
    key = reference_key(job, models.sha256, [photos, held_out])
    if (known := found_card(run, key)) is not None:
        return models.sha256, known
    run.reference_key.unlink(missing_ok=True)
    card = _draw_and_score(job, models, photos, held_out)
    run.base_scorecard.write_text(card.model_dump_json(), encoding="utf-8")
    write_key(run, key)
    return models.sha256, card


def _squares(job: SweepJob, photos_of: Callable[[Concept], tuple[Path, ...]]) -> list[list[Pixels]]:
    """Photos of each concept, as checkpoints are drawn."""
    side, concepts = job.experiment.train.resolution, job.experiment.concepts
    return [[read_square(path, side) for path in photos_of(concept)] for concept in concepts]


def _draw_and_score(
    job: SweepJob, models: StableDiffusion, photos: list[list[Pixels]], held_out: list[list[Pixels]]
) -> Scorecard:
    """Writes the reference; returns the scorecard of the untrained model's first look."""
    run, experiment, encoder = RunFolder(job.run_folder), job.experiment, loaded.encoder(job.encoder)
    seeds, model_hash = evaluation_seeds(experiment, experiment.evaluate.levels[-1]), models.sha256[:10]
    evaluation = draw_evaluation(
        models, experiment, run, run.base_images, model_hash=model_hash, seeds=seeds, base=True
    )
    prompts, identity_encoder = prompts_to_draw(experiment), loaded.identity_encoder(experiment.evaluate.identity)
    drawn = images_by_prompt(evaluation)
    reference = build_reference(prompts, seeds, drawn, photos, encoder, held_out, identity_encoder)
    reference.save(run.reference)
    losses = validation_losses(
        models, loaded.held_out(job), seed=experiment.evaluate.seed, clip_skip=experiment.clip_skip
    )
    seen = evaluation_seeds(experiment)
    card = score_base([sample for sample in evaluation.samples if sample.seed in seen], reference)
    tokens = _look_at_tokens(job, models, reference, encoder)
    return with_validation_loss(card, losses).model_copy(update={"tokens": tokens})


def _untrained_models(job: SweepJob) -> StableDiffusion:
    models = loaded.untrained_models(job.base)
    job.refuse_another_base(models.sha256)
    refuse_other_photos(RunFolder(job.run_folder), job.experiment.concepts)
    return models


def _look_at_tokens(
    job: SweepJob, models: StableDiffusion, reference: Reference, encoder: Encoder
) -> tuple[TokenMeaning, ...]:
    """Draws the instance prompts with the untrained model, token and all, and compares with its class images."""
    run, experiment = RunFolder(job.run_folder), job.experiment
    prompts = token_prompts(prompts_to_draw(experiment))
    drawn = draw_evaluation(
        models,
        experiment,
        run,
        run.base_images,
        model_hash=models.sha256[:10],
        seeds=reference.seeds[: experiment.evaluate.token_images],
        prompts=prompts,
        prefix="token-",
    )
    tokens = [split_token(models.tokenizer, concept.instance_token) for concept in experiment.concepts]
    return token_meanings(prompts, tokens, images_by_prompt(drawn), encoder, reference)


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
