"""Trains the sweep of one subject with the product's own code, and keeps what it was like: `python -m benchmarks.selection`.

Subjects differ in looks, in class (man, woman, robot) and in the number of photos, as users' do. The sweep is three
learning rates, from too gentle to too hard, trained for 192 steps with a checkpoint every 24. In-process: the plan,
the trainer, the drawing and the scoring are the product's, without Ray around them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from benchmarks.selection_curves import CardData, CheckpointCurve, SubjectCurves, TrialCurve
from benchmarks.selection_judge import OraclePictures, ceilings, draw_for_oracle, look
from dbsweep.concepts.captions import instance_captions
from dbsweep.concepts.latents import LatentMoments, encode_photos
from dbsweep.concepts.photos import list_photos, read_square
from dbsweep.config.schema import Experiment
from dbsweep.execution import loaded, prepare
from dbsweep.execution.branch import make_trainer
from dbsweep.execution.evaluation import draw_evaluation, evaluation_seeds, prompts_to_draw
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, SweepJob, branch_jobs, sweep_job
from dbsweep.minisd.paths import clip_path, pipeline_path
from dbsweep.minisd.subject import draw_subject, write_subject_photos
from dbsweep.models.bundle import StableDiffusion
from dbsweep.plan.plan import make_plan
from dbsweep.records.plan import Plan
from dbsweep.records.results import Scorecard
from dbsweep.scoring.scorecard import score_checkpoint
from dbsweep.training.conditioning import PromptEncoder
from dbsweep.training.data import ConceptData, TrainingSet
from dbsweep.training.objective import Objective, losses

LEARNING_RATES: Final = (3e-5, 9e-5, 2.7e-4)
STEPS, EVERY_STEPS = 192, 24
PHOTO_COUNTS: Final = (4, 6, 8, 12)
"""Photos that subjects are taught on, in turn; all divide `EVERY_STEPS`."""
HELD_OUT: Final = 4
CLASS_IMAGES: Final = 24
LOSS_EVERY: Final = 4
LOSS_IMAGES: Final = 8
"""Uses of training photos in the deterministic loss."""
VALIDATION_DRAWS: Final = 8
"""Noise and timesteps of each held-out photo."""


def photo_count(seed: int) -> int:
    """How many photos a subject is taught on."""
    return PHOTO_COUNTS[seed % len(PHOTO_COUNTS)]


def experiment_of(seed: int, folder: Path) -> Experiment:
    """The experiment file of one subject's sweep, as a person would write it.

    Args:
        folder: holds the subject's `photos`.
    """
    klass, photos = draw_subject(seed).klass, photo_count(seed)
    content: dict[str, Any] = {
        "name": f"subject-{seed:05d}",
        "base_model": "minisd",
        "concepts": [
            {
                "instance_images": str(folder / "photos"),
                "instance_token": "ohwx",
                "class_token": klass,
                "instance_prompt": f"photo of ohwx {klass}",
                "class_prompt": f"photo of {klass}",
                "sanity_prompts": [f"photo of ohwx {klass}, {style} style" for style in ("ink poster", "neon")],
            }
        ],
        "train": {"resolution": 64, "batch_size": 1, "seed": seed},
        "search": {
            "learning_rate": list(LEARNING_RATES),
            "epochs": [STEPS // photos],
            "class_images_per_instance": [CLASS_IMAGES // photos],
            "text_encoder_ratio": [1.0],
        },
        "evaluate": {
            "every_epochs": EVERY_STEPS // photos,
            "images_per_prompt": 4,
            "num_inference_steps": 15,
            "encoder": "minisd",
        },
    }
    return Experiment.model_validate(content)


@dataclass(frozen=True)
class SubjectWork:
    """The folder of one subject, and the work that is done in it.

    Attributes:
        seed: of the subject.
        cache: of all subjects.
    """

    seed: int
    cache: Path

    @property
    def folder(self) -> Path:
        """Of this subject."""
        return self.cache / f"subject-{self.seed:05d}"

    @property
    def finished(self) -> Path:
        """The curves of the whole subject."""
        return self.cache / f"curves-{self.seed:05d}.json"

    @cached_property
    def experiment(self) -> Experiment:
        """Of this subject."""
        return experiment_of(self.seed, self.folder)

    @cached_property
    def plan(self) -> Plan:
        """Of its sweep."""
        return make_plan(self.experiment, [photo_count(self.seed)])

    @cached_property
    def job(self) -> SweepJob:
        """What its branches share; class images are shared by the subjects of a class."""
        return sweep_job(
            self.folder / "run",
            self.cache / "shared",
            self.experiment,
            self.plan,
            [photo_count(self.seed)],
            base=str(pipeline_path()),
            encoder=str(clip_path()),
        )

    def next_piece(self) -> Callable[[], None] | None:
        """The next thing to do, a few minutes at most; None when all is done."""
        if self.finished.exists():
            return None
        if not self._base_file.exists():
            return self._prepare
        for job in branch_jobs(self.job, self.plan):
            if not self._trial_file(job).exists():
                return lambda: self._train(job)
        return self._finish

    @property
    def _base_file(self) -> Path:
        return self.folder / "base.json"

    def _trial_file(self, job: BranchJob) -> Path:
        return self.folder / f"trial-{job.branch.id}.json"

    def _prepare(self) -> None:
        """Photos, class images, and what the untrained model draws."""
        shutil.rmtree(self.folder, ignore_errors=True)
        count = photo_count(self.seed)
        written = write_subject_photos(self.seed, None, count + HELD_OUT, self.folder / "photos")
        (self.folder / "held out").mkdir()
        for path in written[count:]:
            path.rename(self.folder / "held out" / path.name)
        RunFolder(self.job.run_folder).path.mkdir(parents=True)
        prepare.draw_class_images(self.job)
        _, card = prepare.draw_references(self.job)
        subject = draw_subject(self.seed)
        pictures = draw_for_oracle(loaded.untrained_models(self.job.base), subject.klass, "")
        pictures.save(self.folder / "oracle-base.npz")
        everyone = [read_square(path, 64) for path in written[:count]]
        everyone += [read_square(path, 64) for path in list_photos(self.folder / "held out")]
        photo_identity, style_identity = ceilings(subject, everyone)
        evaluations = len(prompts_to_draw(self.experiment)) * len(evaluation_seeds(self.experiment))
        empty = SubjectCurves(
            seed=self.seed,
            klass=subject.klass,
            photos=count,
            steps_per_epoch=self.plan.steps_per_epoch,
            base=CardData.of(card),
            base_oracle=look(pictures, subject),
            photo_identity=photo_identity,
            style_identity=style_identity,
            step_evaluations=2 * 3,  # photo and class image, forward and backward
            card_evaluations=evaluations * self.experiment.evaluate.num_inference_steps * 2,  # guided
            trials=(),
        )
        self._base_file.write_text(empty.model_dump_json(), encoding="utf-8")

    def _train(self, job: BranchJob) -> None:
        curve = train_trial(job, self.seed, self.folder)
        self._trial_file(job).write_text(curve.model_dump_json(), encoding="utf-8")

    def _finish(self) -> None:
        files = [self._trial_file(job) for job in branch_jobs(self.job, self.plan)]
        trials = tuple(TrialCurve.model_validate_json(file.read_text(encoding="utf-8")) for file in files)
        base = SubjectCurves.model_validate_json(self._base_file.read_text(encoding="utf-8"))
        whole = base.model_copy(update={"trials": trials})
        self.finished.write_text(whole.model_dump_json(), encoding="utf-8")


def train_trial(job: BranchJob, seed: int, folder: Path) -> TrialCurve:
    """Train one branch to its end and keep what each checkpoint is like; the oracle's images go to the folder."""
    models = loaded.untrained_models(job.sweep.base)
    loaded.models_to_change(job.sweep.base)
    trainer = make_trainer(job, models)
    concept = job.sweep.experiment.concepts[0]
    photos = loaded.photo_latents(job.sweep, concept, 64)
    held_out = encode_photos(models, [read_square(path, 64) for path in list_photos(folder / "held out")])
    caption = instance_captions(concept)[0]
    watched = FixedLoss(models, job.sweep.experiment, photos, caption_count=len(photos), uses=LOSS_IMAGES)
    validation = FixedLoss(
        models, job.sweep.experiment, held_out, caption_count=len(held_out), uses=VALIDATION_DRAWS * len(held_out)
    )
    del caption
    training_loss: list[float] = []

    def after_step(step: int) -> None:
        if step % LOSS_EVERY == 0:
            training_loss.append(watched.measure())

    points = []
    for milestone in job.branch.milestones:
        trainer.train_until(milestone.step, after_step)
        name = f"{job.branch.id}-{milestone.step:06d}"
        pictures = draw_for_oracle(models, draw_subject(seed).klass, "ohwx")
        pictures.save(folder / f"oracle-{name}.npz")
        points.append(
            CheckpointCurve(
                step=milestone.step,
                card=CardData.of(_score(job, models, name)),
                validation_loss=validation.measure(),
                oracle=look(pictures, draw_subject(seed)),
            )
        )
    return TrialCurve(
        learning_rate=float(job.branch.settings["learning_rate"]),
        checkpoints=tuple(points),
        training_loss=tuple(training_loss),
        loss_every=LOSS_EVERY,
    )


def _score(job: BranchJob, models: StableDiffusion, name: str) -> Scorecard:
    run = RunFolder(job.sweep.run_folder)
    folder = run.images(job.branch.id, int(name.rpartition("-")[2]))
    drawn = draw_evaluation(models, job.sweep.experiment, run, folder, model_hash="")
    encoder, reference = loaded.encoder(job.sweep.encoder), loaded.reference(run.reference)
    return score_checkpoint(name, drawn.images, drawn.samples, encoder, reference)


class FixedLoss:
    """The training objective on the same photos, noise and timesteps at every call.

    Args:
        models: whose weights change between calls.
        photos: their latents.
        uses: photos are gone through in turn until there are so many, each use with noise of its own.
    """

    def __init__(
        self, models: StableDiffusion, experiment: Experiment, photos: LatentMoments, *, caption_count: int, uses: int
    ) -> None:
        caption = instance_captions(experiment.concepts[0])[0]
        train = experiment.train.model_copy(update={"seed": 9, "class_images_per_instance": 0})
        self._models = models
        self._objective = Objective(models.scheduler_config, models.device)
        data = TrainingSet(
            [ConceptData(photos, None, (caption,) * caption_count)],
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


def open_subjects(
    seeds: Sequence[int], cache: Path, pieces: int | None, say: Callable[[str], None]
) -> list[SubjectCurves]:
    """The curves of the subjects; what is missing is trained, at most so many pieces of it.

    Returns:
        Those that are there, in the order of the seeds.
    """
    left = pieces if pieces is not None else np.inf
    for seed in seeds:
        work = SubjectWork(seed, cache)
        while left > 0 and (piece := work.next_piece()) is not None:
            piece()
            left -= 1
            say(f"subject {seed}: one piece more is done")
    files = [SubjectWork(seed, cache).finished for seed in seeds]
    return [SubjectCurves.model_validate_json(f.read_text(encoding="utf-8")) for f in files if f.exists()]


__all__ = ["OraclePictures", "SubjectWork", "open_subjects"]
