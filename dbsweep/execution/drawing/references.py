"""What the untrained model draws of a sweep's prompts, and its scorecard: what all checkpoints are measured against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dbsweep.concepts.photo_sets import held_out_photos, training_photos
from dbsweep.concepts.photos import read_square
from dbsweep.concepts.token import split_token
from dbsweep.config.concept import Concept
from dbsweep.execution import loaded
from dbsweep.execution.drawing.evaluation import draw_evaluation, evaluation_seeds, images_by_prompt, prompts_to_draw
from dbsweep.execution.drawing.reference_key import found_card, reference_key, write_key
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob
from dbsweep.models.bundle import StableDiffusion
from dbsweep.records.results import Scorecard, TokenMeaning
from dbsweep.scoring.encoders import Encoder, Pixels
from dbsweep.scoring.reference import Reference, build_reference
from dbsweep.scoring.scorecard import score_base, with_validation_loss
from dbsweep.scoring.token_meaning import token_meanings, token_prompts
from dbsweep.training.validation import validation_losses


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
    run, models = RunFolder(job.run_folder), loaded.untrained_models_of_run(job)
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
    identity_encoder = loaded.identity_encoder(experiment.evaluate.identity)  # before anything is drawn in vain
    seeds, model_hash = evaluation_seeds(experiment, experiment.evaluate.levels[-1]), models.sha256[:10]
    evaluation = draw_evaluation(
        models, experiment, run, run.base_images, model_hash=model_hash, seeds=seeds, base=True
    )
    prompts, drawn = prompts_to_draw(experiment), images_by_prompt(evaluation)
    reference = build_reference(prompts, seeds, drawn, photos, encoder, held_out, identity_encoder)
    reference.save(run.reference)
    losses = validation_losses(
        models, loaded.held_out(job), seed=experiment.evaluate.seed, clip_skip=experiment.clip_skip
    )
    seen = evaluation_seeds(experiment)
    card = score_base([sample for sample in evaluation.samples if sample.seed in seen], reference)
    tokens = _look_at_tokens(job, models, reference, encoder)
    return with_validation_loss(card, losses).model_copy(update={"tokens": tokens})


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
