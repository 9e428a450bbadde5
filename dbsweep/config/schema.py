"""The experiment file as frozen models; unknown keys are refused."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from dbsweep.config.axes import AxisKind
from dbsweep.config.choosing import Choosing, Judging
from dbsweep.config.concept import ClassImages, Concept, contains_words
from dbsweep.config.evaluate import Evaluate
from dbsweep.config.fields import (
    ClipSkip,
    Count,
    HomePath,
    ModelSource,
    NotNegative,
    Positive,
    Section,
    StorageUri,
    TrackingUri,
    count_or,
)
from dbsweep.config.grid import Grid
from dbsweep.config.messages import counted
from dbsweep.config.problems import Problems
from dbsweep.config.search import Search
from dbsweep.config.train import LearningRateSchedule, Train
from dbsweep.config.trial_faults import trial_faults
from dbsweep.errors import ConfigError
from dbsweep.records.names import HELD_OUT, Metric
from dbsweep.records.record import Scalar

__all__ = [
    "ClassImages",
    "Concept",
    "Evaluate",
    "Experiment",
    "Grid",
    "LearningRateSchedule",
    "Resources",
    "Search",
    "Section",
    "Tracking",
    "Train",
]


def _run_name(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) is None:
        raise ValueError(f"must be 1 to 64 letters, digits, '.', '_' or '-', not beginning with a sign, got {name!r}")
    return name


class Checkpoints(Section):
    """How checkpoints are kept."""

    precision: Literal["fp16", "bf16", "fp32"] = Field(
        "fp16",
        description="fp16, bf16 or fp32 for the kept weights; what training continues from is always kept in fp32",
    )
    keep: Annotated[Literal["all"] | Count, count_or("all")] = Field(
        "all", description="weights that are kept: all, or a number: those of each trial's best checkpoints"
    )


class Resources(Section):
    """What one trial takes of the machine."""

    cpus_per_trial: Positive = Field(1.0, description="CPU cores")
    gpus_per_trial: NotNegative = Field(0.0, description="GPUs; with a fraction, trials share one GPU")
    gpu_memory_gb: Positive | None = Field(
        None,
        description="memory of one GPU as its maker states it (units of 2^30 bytes); null asks this machine's driver",
    )
    stall_timeout_s: NotNegative = Field(
        1800.0, description="seconds without progress after which a worker is ended and its branch retried; 0: never"
    )


class Tracking(Section):
    """Where MLflow keeps the run."""

    enabled: bool = Field(True, description="log to MLflow at all")
    uri: TrackingUri | None = Field(
        None, description="MLflow tracking URI; default is a SQLite file in the output folder"
    )
    experiment: str = Field("dbsweep", min_length=1, description="MLflow experiment name")


class Experiment(Section):
    """One experiment file."""

    name: Annotated[str, AfterValidator(_run_name)] = Field(description="name of the run and of its folder")
    base_model: ModelSource = Field(
        description="minisd, a diffusers folder, a hub id, a .safetensors/.ckpt file, RUN@best or RUN@b01-000120"
    )
    base_model_ema: bool = Field(
        False, description="take the EMA weights of a single file that has both; the other ones train better"
    )
    vae: ModelSource | None = Field(None, description="another VAE: folder, file or hub id; null: the model's own")
    clip_skip: ClipSkip = Field(
        1, description="A1111's Clip skip, for training and for everything that is drawn; 1 skips nothing"
    )
    concepts: tuple[Concept, ...] = Field(min_length=1)
    train: Train = Train()
    search: Search = Search()
    evaluate: Evaluate = Evaluate()
    verdict: Judging = Judging()
    choose: Choosing = Choosing()
    checkpoints: Checkpoints = Checkpoints()
    grids: tuple[Grid, ...] = ()
    resources: Resources = Resources()
    tracking: Tracking = Tracking()
    output: HomePath = Field(Path("runs"), description="folder of all runs, relative to the working directory")

    storage: StorageUri | None = Field(
        None, description="path or URI through which machines without a common disk share files: s3://bucket/folder"
    )

    @model_validator(mode="after")
    def _tokens_differ(self) -> Experiment:
        first: dict[str, int] = {}
        problems = Problems()
        for index, concept in enumerate(self.concepts):
            earlier = first.setdefault(concept.instance_token.lower(), index)
            if earlier != index:
                message = f"must differ between concepts, got {concept.instance_token!r} as in concepts[{earlier}]"
                problems.add(("concepts", index, "instance_token"), message)
        problems.refuse("experiment")
        return self

    @model_validator(mode="after")
    def _subjects_stay_out_of_other_concepts(self) -> Experiment:
        problems = Problems()
        for (index, concept), (other, by) in permutations(enumerate(self.concepts), 2):
            for field in ("instance_token", "class_token", "class_prompt", "prior_prompt"):
                words, token = getattr(concept, field), by.instance_token
                if words is not None and contains_words(words, token):
                    message = f"must not contain the instance token {token!r} of concepts[{other}], got {words!r}"
                    problems.add(("concepts", index, field), f"{message}: both would be taught in one word")
        problems.refuse("experiment")
        return self

    @model_validator(mode="after")
    def _some_concept_has_class_images(self) -> Experiment:
        if not any(concept.class_images.enabled for concept in self.concepts):
            problems = Problems()
            message = "leaves no concept with class images: set train.class_images_per_instance: 0 in its place"
            problems.add(("concepts", 0, "class_images", "enabled"), message)
            problems.refuse("experiment")
        return self

    @property
    def custom_models(self) -> tuple[str, ...]:
        """Models to which grids add what a checkpoint has learned, each once."""
        named = (axis.into for grid in self.grids for axis in grid.axes if axis.into is not None)
        return tuple(dict.fromkeys(named))

    @property
    def counts_steps(self) -> bool:
        """Whether a length is given in steps, which the plan needs in epochs."""
        return self.train.steps is not None or "steps" in self.search.axes or self.evaluate.every_steps is not None

    @property
    def reads_masks(self) -> bool:
        """Whether the background of photos counts less than the subject in some trial."""
        axis = self.search.axes.get("background_weight")
        weights = (self.train.background_weight,) if axis is None else next(iter(axis.model_dump().values()))
        return min(weights) < 1.0

    @model_validator(mode="after")
    def _lengths_are_told_once(self) -> Experiment:
        problems, axes = Problems(), self.search.axes
        default = Train.model_fields["epochs"].default
        told = {
            "train.epochs": self.train.epochs != default,
            "search.epochs": "epochs" in axes,
            "search.steps": "steps" in axes,
        }
        for place, given in (("train", self.train.steps is not None), ("search", "steps" in axes)):
            other = next((name for name, is_told in told.items() if is_told and name != f"{place}.steps"), None)
            if given and other is not None:
                problems.add((place, "steps"), f"says the length a second time: remove it, or {other}")
        every = self.evaluate
        if every.every_steps is not None and every.every_epochs != Evaluate.model_fields["every_epochs"].default:
            problems.add(("evaluate", "every_steps"), "says the interval a second time: remove it, or every_epochs")
        problems.refuse("experiment")
        return self

    @property
    def lengths(self) -> tuple[int, ...]:
        """In epochs: all that a trial can have, or the bounds between which they are."""
        axis = self.search.axes.get("epochs")
        if axis is None:
            return (self.train.epochs,)
        return tuple(math.floor(float(value)) for values in axis.model_dump().values() for value in values)

    @model_validator(mode="after")
    def _grids_name_epochs_that_have_a_checkpoint(self) -> Experiment:
        problems = Problems()
        for index, grid in enumerate(self.grids):
            for name, axis in grid.named_axes.items():
                for place, value in enumerate(axis.values if axis.axis is AxisKind.CHECKPOINT else ()):
                    fault = self._has_no_checkpoint(value) if isinstance(value, int) else ""
                    if fault:
                        problems.add(("grids", index, name, "values", place), f"{fault}, got {value}")
        problems.refuse("experiment")
        return self

    def _has_no_checkpoint(self, epoch: int) -> str:
        """Why no trial can have a checkpoint of an epoch; empty if one can, or where lengths are told in steps."""
        longest, every = max(self.lengths), self.evaluate.every_epochs
        if self.counts_steps:
            return ""
        if epoch > longest:
            return f"must be within the longest trial, of {counted(longest, 'epoch')}"
        if epoch % every == 0 or epoch in self.lengths or "epochs" in self.search.sampled:
            return ""
        return f"must be a multiple of evaluate.every_epochs ({every}) or the last epoch of a trial"

    @model_validator(mode="after")
    def _constraints_can_be_asked(self) -> Experiment:
        problems = Problems()
        for index, limit in enumerate(self.choose.limits):
            if limit.metric in HELD_OUT and not any(concept.has_held_out for concept in self.concepts):
                message = f"{limit.metric} needs photos that are not trained: set validation_photos of a concept"
                problems.add(("choose", "constraints", index), message)
            if limit.metric is Metric.FACES and self.evaluate.identity.face_detector is None:
                message = "faces needs an encoder of faces: set evaluate.identity.face_detector and face_recognizer"
                problems.add(("choose", "constraints", index), message)
        problems.refuse("experiment")
        return self

    def train_for(self, settings: Mapping[str, Scalar]) -> Train:
        """The `train` section of one trial.

        Raises:
            ConfigError: a swept value does not go with the other settings.
        """
        try:
            return Train.model_validate({**self.train.model_dump(), **settings})
        except ValidationError as error:
            raise ConfigError(self.name, trial_faults(self.train, settings, self.search.axes, error)) from error
