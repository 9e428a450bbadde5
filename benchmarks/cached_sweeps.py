"""Sweeps of MiniSD subjects that are trained in a cache folder, piece by piece, for the benchmarks that look at them.

In-process: the plan, the trainer, the drawing and the scoring are the product's, without Ray around them. A sweep is
three learning rates, from too gentle to too hard, by whatever else is swept. What a piece has done lies in the sweep's
folder, so that an interrupted one goes on, and the finished sweep is one file beside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from dbsweep.config.schema import Experiment
from dbsweep.execution.jobs import BranchJob, SweepJob, branch_jobs, sweep_job
from dbsweep.minisd.paths import clip_path, pipeline_path
from dbsweep.minisd.subject import draw_subject
from dbsweep.models.adapters import AdapterShape
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.checkpoints import CheckpointManifest, write_checkpoint
from dbsweep.models.precision import Precision
from dbsweep.plan.plan import make_plan
from dbsweep.records.plan import Milestone, Plan

LEARNING_RATES: Final = (3e-5, 9e-5, 2.7e-4)
CLASS_IMAGES: Final = 24


@dataclass(frozen=True)
class SweepShape:
    """What sweeps differ in.

    Attributes:
        photos: how many the subject is taught on; they lie in `photos` of the sweep's folder.
        trained_steps: of each learning rate.
        every_steps: optimizer steps between checkpoints, of whole epochs.
        sanity_prompts: with ``{}`` for the subject.
        evaluate: the section of the experiment file, but for encoder and checkpoints.
        swept: axes beside the learning rate, or in its place; a text encoder trains all along and there are
            `CLASS_IMAGES` otherwise.
        train: what is not as by default.
    """

    photos: int
    trained_steps: int
    every_steps: int
    sanity_prompts: Sequence[str]
    evaluate: Mapping[str, Any]
    swept: Mapping[str, Sequence[float]] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SubjectSweep(ABC):
    """The sweep of one subject, as the product sees it.

    Attributes:
        seed: of the subject.
        cache: of all sweeps; what the untrained model draws for a class is shared.
    """

    seed: int
    cache: Path

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Of this sweep."""

    @property
    @abstractmethod
    def shape(self) -> SweepShape:
        """What is taught and drawn in it."""

    @property
    def run_folder(self) -> Path:
        """Where the product keeps what it makes of the sweep."""
        return self.folder

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment file of the sweep, as a person would write it."""
        klass, shape = draw_subject(self.seed).klass, self.shape
        content: dict[str, Any] = {
            "name": self.folder.name,
            "base_model": "minisd",
            "concepts": [
                {
                    "instance_images": str(self.folder / "photos"),
                    "instance_token": "ohwx",
                    "class_token": klass,
                    "instance_prompt": f"photo of ohwx {klass}",
                    "class_prompt": f"photo of {klass}",
                    "sanity_prompts": [prompt.format(f"ohwx {klass}") for prompt in shape.sanity_prompts],
                }
            ],
            "train": {"resolution": 64, "batch_size": 1, "seed": self.seed, **shape.train},
            "search": {
                "learning_rate": list(LEARNING_RATES),
                "epochs": [shape.trained_steps // shape.photos],
                "class_images_per_instance": [CLASS_IMAGES // shape.photos],
                "text_encoder_ratio": [1.0],
                **{name: list(values) for name, values in shape.swept.items()},
            },
            # Every checkpoint is scored: which of them a sweep would look at is told apart on the finished curves.
            "evaluate": {"every_epochs": shape.every_steps // shape.photos, "look_every": 1, "encoder": "minisd"}
            | dict(shape.evaluate),
        }
        return Experiment.model_validate(content)

    @cached_property
    def plan(self) -> Plan:
        """Of the sweep."""
        return make_plan(self.experiment, [self.shape.photos])

    @cached_property
    def job(self) -> SweepJob:
        """What its branches share; class images are shared by the subjects of a class."""
        return sweep_job(
            self.run_folder,
            self.cache / "shared",
            self.experiment,
            self.plan,
            [self.shape.photos],
            base=str(pipeline_path()),
            encoder=str(clip_path()),
        )

    @cached_property
    def jobs(self) -> tuple[BranchJob, ...]:
        """Its branches, one a trial: no two of these share a step."""
        return branch_jobs(self.job, self.plan)


@dataclass(frozen=True)
class CachedSweep(SubjectSweep):
    """The work that is done in a sweep's folder."""

    @property
    @abstractmethod
    def finished(self) -> Path:
        """The file of the whole sweep."""

    @abstractmethod
    def next_piece(self) -> Callable[[], object] | None:
        """The next thing to do, a few minutes at most; None when all is done."""


def keep_weights(
    folder: Path, job: BranchJob, models: StableDiffusion, milestone: Milestone, lora: AdapterShape | None = None
) -> None:
    """Write the weights of a checkpoint as the product keeps them: the LoRA alone where one trains."""
    write_checkpoint(
        folder,
        unet=models.unet,
        text_encoder=models.text_encoder,
        state=None,
        manifest=CheckpointManifest(
            id=f"{job.branch.id}-{milestone.step:06d}",
            step=milestone.step,
            epoch=milestone.epoch,
            base_sha256=models.sha256,
            lora=lora,
        ),
        precision=Precision(job.sweep.experiment.checkpoints.precision),
    )


def work_through(sweeps: Sequence[CachedSweep], pieces: int | None, say: Callable[[str], None]) -> list[Path]:
    """Does what is missing of the sweeps, at most so many pieces of it; all of it when None.

    Returns:
        The files of those that are finished, in the order of the sweeps.
    """
    left = pieces if pieces is not None else np.inf
    for sweep in sweeps:
        while left > 0 and (piece := sweep.next_piece()) is not None:
            sweep.folder.mkdir(parents=True, exist_ok=True)
            piece()
            left -= 1
            say(f"{sweep.folder.name}: one piece more is done")
    return [sweep.finished for sweep in sweeps if sweep.finished.exists()]
