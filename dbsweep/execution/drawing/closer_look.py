"""Looks at a checkpoint: the first, and a closer one with further seeds of every prompt, scored together with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dbsweep.errors import RunError
from dbsweep.execution import loaded
from dbsweep.execution.drawing.evaluation import draw_evaluation, evaluation_seeds
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import CloserLook, SweepJob
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.restoring import read_weights
from dbsweep.records.results import Checkpoint, SampleImage, Scorecard
from dbsweep.scoring.encoders import Pixels
from dbsweep.scoring.scorecard import score_checkpoint, with_validation_loss
from dbsweep.training.validation import validation_losses


def first_look(
    models: StableDiffusion,
    job: SweepJob,
    checkpoint: Checkpoint,
    on_drawn: Callable[[int, int], None] | None = None,
) -> Scorecard:
    """Draws and scores the images that every checkpoint draws that is looked at.

    Args:
        models: with the checkpoint's weights.
        on_drawn: as in `draw_evaluation`.
    """
    experiment, run = job.experiment, RunFolder(job.run_folder)
    folder = run.images(checkpoint.branch, checkpoint.step)
    model_hash = checkpoint.sha256[:10]
    drawn = draw_evaluation(models, experiment, run, folder, model_hash=model_hash, on_drawn=on_drawn)
    card = _score(job, checkpoint, drawn.images, drawn.samples)
    seed, held_out = experiment.evaluate.seed, loaded.held_out(job)
    losses = validation_losses(models, held_out, seed=seed, clip_skip=experiment.clip_skip)
    return with_validation_loss(card, losses)


def look_closer(job: SweepJob, look: CloserLook) -> Scorecard:
    """Draws the seeds that the checkpoint has not drawn yet and scores all its images.

    The weights are those that are kept, rounded to `checkpoints.precision`.

    Returns:
        The scorecard over all images; what was not measured on images is as it was.

    Raises:
        ModelError: the checkpoint cannot be read.
        RunError: an image that it has drawn before is gone.
    """
    checkpoint = look.checkpoint
    models = loaded.models_to_change(job.base)
    read_weights(job.run_folder / checkpoint.path, models)
    if look.card is None:
        return first_look(models, job, checkpoint)
    run, known = RunFolder(job.run_folder), look.card.images
    seen = {image.seed for image in known}
    drawn = draw_evaluation(
        models,
        job.experiment,
        run,
        look.images_folder(run),
        model_hash=checkpoint.sha256[:10],
        seeds=[seed for seed in evaluation_seeds(job.experiment, look.images_per_prompt) if seed not in seen],
    )
    images = [*(_read(run.path / image.path) for image in known), *drawn.images]
    card = _score(job, checkpoint, images, [*known, *drawn.samples])
    return card.model_copy(update={"scores": {**look.card.scores, **card.scores}})


def _score(
    job: SweepJob, checkpoint: Checkpoint, images: Sequence[Pixels], samples: Sequence[SampleImage]
) -> Scorecard:
    encoder, reference = loaded.encoder(job.encoder), loaded.reference(RunFolder(job.run_folder).reference)
    identity_encoder = loaded.identity_encoder(job.experiment.evaluate.identity)
    return score_checkpoint(checkpoint.id, images, samples, encoder, reference, identity_encoder)


def _read(path: Path) -> Pixels:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error}): the race needs the images of the first look") from error
