"""Trains one trial of a subject's sweep to its end, and takes down what every checkpoint is like.

In-process: the trainer, the drawing and the scoring are the product's, without Ray around them. Beside the scorecard
come what rivals look at: the training objective on fixed inputs, of the photos and of photos that are held out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import torch

from benchmarks.cached_sweeps import keep_weights
from benchmarks.selection_curves import CardData, CheckpointCurve, TrialCurve
from benchmarks.selection_judge import draw_for_oracle, look
from dbsweep.concepts.captions import Caption
from dbsweep.concepts.framing import Framing
from dbsweep.concepts.latents import LatentMoments, encode_photos
from dbsweep.concepts.photo_sets import training_photos
from dbsweep.concepts.photos import list_photos, read_square
from dbsweep.config.schema import Experiment
from dbsweep.execution import loaded
from dbsweep.execution.branch.trainer import make_trainer
from dbsweep.execution.drawing.evaluation import draw_evaluation
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.minisd.attributes import Style, Subject
from dbsweep.models.bundle import StableDiffusion
from dbsweep.records.results import Scorecard
from dbsweep.scoring.scorecard import score_checkpoint
from dbsweep.training.conditioning import PromptEncoder
from dbsweep.training.data import ConceptData, TrainingSet
from dbsweep.training.objective import Objective, losses

SEED: Final = 9
"""Of the noise and timesteps of the losses that are measured; trainings have other seeds."""
LOSSES: Final = 8
"""Measured between two checkpoints."""
LOSS_IMAGES: Final = 8
"""Uses of training photos in the deterministic loss."""
VALIDATION_DRAWS: Final = 8
"""Noise and timesteps of each held-out photo."""


def train_trial(
    job: BranchJob, subject: Subject, styles: Sequence[Style], held_out: Path, folder: Path, swept: Iterable[str] = ()
) -> TrialCurve:
    """Train one branch to its end and keep what each checkpoint is like.

    Args:
        subject: that is taught, for the oracle.
        styles: that the oracle asks for.
        held_out: folder of photos of it that are not taught.
        folder: where the images go that the oracle judges, and the scorecards; the weights go to the run's.
        swept: settings beside the learning rate in which the trials of the sweep differ.
    """
    models = loaded.untrained_models(job.sweep.base)
    loaded.models_to_change(job.sweep.base)
    trainer = make_trainer(job, models)
    experiment = job.sweep.experiment
    side = experiment.train.resolution
    photos = training_photos(experiment.concepts[0])
    (taught,) = loaded.photo_views(job.sweep, photos, (side, side), Framing(resolution=side)).windows
    others = encode_photos(models, [read_square(path, side) for path in list_photos(held_out)])
    watched = FixedLoss(models, experiment, taught, LOSS_IMAGES)
    validation = FixedLoss(models, experiment, others, VALIDATION_DRAWS * len(others))
    training_loss: list[float] = []
    loss_every = max(job.branch.milestones[0].step // LOSSES, 1)

    def after_step(step: int) -> None:
        if step % loss_every == 0:
            training_loss.append(watched.measure())

    points = []
    for milestone in job.branch.milestones:
        trainer.train_until(milestone.step, after_step)
        weights = RunFolder(job.sweep.run_folder).checkpoint(job.branch.id, milestone.step)
        keep_weights(weights, job, models, milestone, trainer.lora)
        pictures = draw_for_oracle(models, subject.klass, experiment.concepts[0].instance_token, styles)
        pictures.save(seen_by_oracle(folder, job, milestone.step))
        points.append(
            CheckpointCurve(
                step=milestone.step,
                card=CardData.of(_score(job, models, folder, milestone.step)),
                validation_loss=validation.measure(),
                oracle=look(pictures, subject, styles),
            )
        )
    return TrialCurve(
        learning_rate=float(job.branch.settings["learning_rate"]),
        others={name: float(job.branch.settings[name]) for name in swept},
        checkpoints=tuple(points),
        training_loss=tuple(training_loss),
        loss_every=loss_every,
    )


def scored(folder: Path, job: BranchJob, step: int) -> Path:
    """Where the first scorecard of a checkpoint lies, with the places of its images."""
    return folder / f"card-{job.branch.id}-{step:06d}.json"


def seen_by_oracle(folder: Path, job: BranchJob, step: int) -> Path:
    """Where the pictures of the oracle's first round lie."""
    return folder / f"oracle-{job.branch.id}-{step:06d}.npz"


def _score(job: BranchJob, models: StableDiffusion, folder: Path, step: int) -> Scorecard:
    run, branch = RunFolder(job.sweep.run_folder), job.branch.id
    drawn = draw_evaluation(models, job.sweep.experiment, run, run.images(branch, step), model_hash="")
    encoder, reference = loaded.encoder(job.sweep.encoder), loaded.reference(run.reference)
    card = score_checkpoint(f"{branch}-{step:06d}", drawn.images, drawn.samples, encoder, reference)
    scored(folder, job, step).write_text(card.model_dump_json(), encoding="utf-8")
    return card


class FixedLoss:
    """The training objective on the same photos, noise and timesteps at every call.

    Args:
        models: whose weights change between calls.
        photos: their latents.
        uses: photos are gone through in turn until there are so many, each use with noise of its own.
    """

    def __init__(self, models: StableDiffusion, experiment: Experiment, photos: LatentMoments, uses: int) -> None:
        caption = Caption(experiment.concepts[0].instance_prompt)
        train = experiment.train.model_copy(update={"seed": SEED, "class_images_per_instance": 0})
        self._models = models
        self._objective = Objective(models.scheduler_config, models.device)
        data = TrainingSet(
            [ConceptData(photos, None, (caption,) * len(photos))],
            train,
            scaling_factor=models.vae.config.scaling_factor,
            timesteps=self._objective.timesteps,
        )
        batches = [data.batch(use // len(photos), [use % len(photos)]) for use in range(uses)]
        self._latents, self._noise, self._timesteps = (
            torch.cat([getattr(batch, name) for batch in batches]) for name in ("latents", "noise", "timesteps")
        )
        self._prompts = [prompt for batch in batches for prompt in batch.prompts]
        self._encoder = PromptEncoder(models.text_encoder, models.tokenizer)

    def measure(self) -> float:
        """The loss with the models' present weights."""
        with self._models.evaluating():
            states, mask = self._encoder.encode(self._prompts)
            noisy = self._objective.add_noise(self._latents, self._noise, self._timesteps)
            prediction = self._models.unet(
                noisy, self._timesteps, encoder_hidden_states=states, encoder_attention_mask=mask, return_dict=False
            )[0]
            target = self._objective.target(self._latents, self._noise, self._timesteps)
            return float(losses(prediction, target, len(self._prompts)).instance)
