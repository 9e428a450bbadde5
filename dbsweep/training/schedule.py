"""The learning rate at a step, by the formulas of diffusers' ``get_scheduler``."""

from __future__ import annotations

import math

from dbsweep.config.schema import LearningRateSchedule, Train


def learning_rate(train: Train, step: int, total_steps: int) -> float:
    """The learning rate of the update that leads from ``step`` to ``step + 1`` (step is 0-based).

    As in diffusers, warm-up starts at zero, and a plain ``constant`` schedule has none.

    Args:
        total_steps: optimizer steps of the whole trial; matters to linear and cosine alone.
    """
    schedule = train.lr_scheduler
    if schedule is LearningRateSchedule.CONSTANT:
        return train.learning_rate
    if step < train.lr_warmup_steps:
        return train.learning_rate * step / train.lr_warmup_steps
    if schedule is LearningRateSchedule.CONSTANT_WITH_WARMUP:
        return train.learning_rate
    progress = (step - train.lr_warmup_steps) / max(1, total_steps - train.lr_warmup_steps)
    if schedule is LearningRateSchedule.LINEAR:
        return train.learning_rate * max(0.0, 1.0 - progress)
    return train.learning_rate * max(0.0, 0.5 * (1.0 + math.cos(math.pi * progress)))
