"""A closer look at a checkpoint that can still win: further seeds of every prompt, scored together with the first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dbsweep.errors import RunError
from dbsweep.execution import loaded
from dbsweep.execution.evaluation import draw_evaluation, evaluation_seeds
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import CloserLook, SweepJob
from dbsweep.models.checkpoints import read_weights
from dbsweep.records.results import Scorecard
from dbsweep.scoring.encoders import Pixels
from dbsweep.scoring.scorecard import score_checkpoint


def look_closer(job: SweepJob, look: CloserLook) -> Scorecard:
    """Draws the seeds that the checkpoint has not drawn yet and scores all its images.

    The weights are those that are kept, rounded to `checkpoints.precision`.

    Returns:
        The scorecard over all images; what was not measured on images is as it was.

    Raises:
        ModelError: the checkpoint cannot be read.
        RunError: an image that it has drawn before is gone.
    """
    run, checkpoint, known = RunFolder(job.run_folder), look.checkpoint, look.card.images
    models = loaded.models_to_change(job.base)
    read_weights(job.run_folder / checkpoint.path, models)
    seen = {image.seed for image in known}
    drawn = draw_evaluation(
        models,
        job.experiment,
        run,
        run.race_images(checkpoint.branch, checkpoint.step),
        model_hash=checkpoint.sha256[:10],
        seeds=[seed for seed in evaluation_seeds(job.experiment, look.images_per_prompt) if seed not in seen],
    )
    images = [*(_read(run.path / image.path) for image in known), *drawn.images]
    encoder, reference = loaded.encoder(job.encoder), loaded.reference(run.reference)
    identity_encoder = loaded.identity_encoder(job.experiment.evaluate.identity)
    samples = [*known, *drawn.samples]
    card = score_checkpoint(checkpoint.id, images, samples, encoder, reference, identity_encoder)
    return card.model_copy(update={"scores": {**look.card.scores, **card.scores}})


def _read(path: Path) -> Pixels:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error}): the race needs the images of the first look") from error
