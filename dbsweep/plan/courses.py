"""What determines a trial's weights, step by step."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dbsweep.config.schema import Experiment, LearningRateSchedule, Train
from dbsweep.config.step_rules import StepRules, step_rules
from dbsweep.plan.photos import Photos, steps_per_epoch
from dbsweep.records.plan import Trial


class Phase(NamedTuple):
    """What may change on the way of a trial.

    Attributes:
        text_encoder_trains: or the UNet alone.
        rate: factor of the learning rates.
    """

    text_encoder_trains: bool
    rate: float


@dataclass(frozen=True, slots=True)
class Course:
    """The way of one trial from the base model to its end.

    Two trials have the same weights after a step when `key` and `schedule_epochs` are the same and so were their phases
    up to it.

    Attributes:
        key: all of `train` that acts from the first step on, as JSON.
        schedule_epochs: the total length where the learning-rate schedule depends on it, else None.
        epochs: how many it trains.
        text_encoder_epochs: the text encoder trains in the first ones, at most `epochs`.
        steps_per_epoch: optimizer steps.
        rules: factors of the learning rates where they change at steps.
    """

    trial: Trial
    train: Train
    key: str
    schedule_epochs: int | None
    epochs: int
    text_encoder_epochs: int
    steps_per_epoch: int
    rules: StepRules | None = None

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return self.epochs * self.steps_per_epoch

    def span_from(self, step: int) -> tuple[Phase, int]:
        """The phase of the step after ``step`` finished ones, and the step at whose end that phase is over."""
        frozen_from = self.text_encoder_epochs * self.steps_per_epoch
        trains = step < frozen_from
        rate, until = (1.0, None) if self.rules is None else self.rules.span_at(step)
        ends = (self.steps, frozen_from if trains else self.steps, self.steps if until is None else until)
        return Phase(trains, rate), min(ends)


_NOT_IN_THE_KEY = {
    *("epochs", "text_encoder_ratio", "lr_step_rules"),  # act later: see `Course`
    "scale_lr",  # is in the rates
    *("gradient_checkpointing", "cuda_graphs"),  # compute the same, to the bit
    "memory",  # what it has chosen stands in other settings
}

_LATER = (
    *("background_weight", "min_timestep", "max_timestep", "debiased_estimation_loss", "multires_noise_iterations"),
    *("lora_plus_ratio", "lora_max_norm", "lr_min_ratio"),
)
"""Settings that stand in keys where they change something alone: stages have the names of before there were any."""


def text_encoder_epochs(train: Train) -> int:
    """Epochs in which the text encoder trains.

    ``epoch < round(epochs * ratio)`` with Python's rounding, half to even, as D8ahazard's DreamBooth extension of
    January 2023 has it.
    """
    return round(train.epochs * train.text_encoder_ratio)


def courses_of(experiment: Experiment, trials: Sequence[Trial], photos: Sequence[Photos]) -> tuple[Course, ...]:
    """The course of each trial.

    Args:
        photos: of each concept.
    """
    return tuple(_course(trial, experiment.train_for(trial.settings), photos) for trial in trials)


def _course(trial: Trial, train: Train, photos: Sequence[Photos]) -> Course:
    return Course(
        trial=trial,
        train=train,
        key=_key(train),
        schedule_epochs=train.epochs if train.lr_scheduler.depends_on_length else None,
        epochs=train.epochs,
        text_encoder_epochs=text_encoder_epochs(train),
        steps_per_epoch=steps_per_epoch(photos, train),
        rules=step_rules(train.lr_step_rules)
        if train.lr_scheduler is LearningRateSchedule.PIECEWISE_CONSTANT
        else None,
    )


def _key(train: Train) -> str:
    values = train.model_dump(mode="json", exclude=_NOT_IN_THE_KEY)
    unet_rate, text_rate = train.peak_learning_rates
    values["learning_rate"] = unet_rate
    values["text_encoder_learning_rate"] = text_rate if text_encoder_epochs(train) > 0 else None
    if train.attention == "sdpa":
        values["attention"] = "auto"  # which is sdpa on every device
    schedule = train.lr_scheduler
    if not schedule.warms_up:  # constant and piecewise_constant, and where the second changes is in the phases
        values |= {"lr_scheduler": LearningRateSchedule.CONSTANT.value, "lr_warmup_steps": 0}
    if schedule is not LearningRateSchedule.COSINE_WITH_RESTARTS:
        del values["lr_num_cycles"]
    if not schedule.falls_to_a_share:
        del values["lr_min_ratio"]
    if schedule is not LearningRateSchedule.POLYNOMIAL:
        del values["lr_power"]
    if train.class_images_per_instance == 0 or train.prior_loss_weight == 0.0:
        values["class_images_per_instance"] = values["prior_loss_weight"] = 0  # no prior preservation, either way
    if train.multires_noise_iterations == 0:
        del values["multires_noise_discount"]
    for name in _LATER:
        if values.get(name) == Train.model_fields[name].default:
            del values[name]
    if not train.shuffle_tags and train.tag_dropout == 0.0:
        del values["keep_tags"]
    if train.lora_rank == 0:
        values = {name: value for name, value in values.items() if not name.startswith("lora_")}
    elif train.lora_alpha is None:
        values["lora_alpha"] = float(train.lora_rank)
    # Interned, because the tree compares the keys of thousands of trials at every stage.
    return sys.intern(json.dumps(values, sort_keys=True))
