"""What determines a trial's weights, epoch by epoch."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from dbsweep.config.schema import Experiment, LearningRateSchedule, Train
from dbsweep.plan.photos import Photos, steps_per_epoch
from dbsweep.records.plan import Trial


@dataclass(frozen=True, slots=True)
class Course:
    """The way of one trial from the base model to its end.

    Two trials have the same weights after an epoch when `key` and `schedule_epochs` are the same and their text
    encoders train in the same epochs up to it.

    Attributes:
        key: all of `train` that acts from the first step on, as JSON.
        schedule_epochs: the total length where the learning-rate schedule depends on it, else None.
        epochs: how many it trains.
        text_encoder_epochs: the text encoder trains in the first ones, at most `epochs`.
        steps_per_epoch: optimizer steps.
    """

    trial: Trial
    train: Train
    key: str
    schedule_epochs: int | None
    epochs: int
    text_encoder_epochs: int
    steps_per_epoch: int

    def span_from(self, epoch: int) -> tuple[bool, int]:
        """Whether the text encoder trains in the epoch after ``epoch`` finished ones, and where that span ends."""
        if epoch < self.text_encoder_epochs:
            return True, self.text_encoder_epochs
        return False, self.epochs


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
    )


def _key(train: Train) -> str:
    values = train.model_dump(mode="json", exclude={"text_encoder_ratio", "epochs", "scale_lr"})
    unet_rate, text_rate = train.peak_learning_rates
    values["learning_rate"] = unet_rate
    values["text_encoder_learning_rate"] = text_rate if text_encoder_epochs(train) > 0 else None
    schedule = train.lr_scheduler
    if schedule is LearningRateSchedule.CONSTANT:
        values["lr_warmup_steps"] = 0  # it has no warm-up, as in diffusers
    if schedule is not LearningRateSchedule.COSINE_WITH_RESTARTS:
        del values["lr_num_cycles"]
    if schedule is not LearningRateSchedule.POLYNOMIAL:
        del values["lr_power"]
    if train.class_images_per_instance == 0 or train.prior_loss_weight == 0.0:
        values["class_images_per_instance"] = values["prior_loss_weight"] = 0  # no prior preservation, either way
    if not train.shuffle_tags and train.tag_dropout == 0.0:
        del values["keep_tags"]
    if train.lora_rank == 0:
        values = {name: value for name, value in values.items() if not name.startswith("lora_")}
    elif train.lora_alpha is None:
        values["lora_alpha"] = float(train.lora_rank)
    # Interned, because the tree compares the keys of thousands of trials at every stage.
    return sys.intern(json.dumps(values, sort_keys=True))
