"""The learning rate at a step, by the formulas of diffusers' ``get_scheduler``."""

from __future__ import annotations

import math

from dbsweep.config.schema import LearningRateSchedule, Train
from dbsweep.config.train import POLYNOMIAL_END


def learning_rate(train: Train, step: int, total_steps: int) -> float:
    """The learning rate of the update that leads from ``step`` to ``step + 1`` (step is 0-based).

    As in diffusers, warm-up starts at zero, and a plain ``constant`` schedule has none.

    Args:
        total_steps: optimizer steps of the whole trial; matters to the schedules that fall.
    """
    peak = train.learning_rate
    if train.lr_scheduler is LearningRateSchedule.CONSTANT:
        return peak
    if step < train.lr_warmup_steps:
        return peak * step / train.lr_warmup_steps
    if train.lr_scheduler is LearningRateSchedule.CONSTANT_WITH_WARMUP:
        return peak
    progress = (step - train.lr_warmup_steps) / max(1, total_steps - train.lr_warmup_steps)
    if train.lr_scheduler is LearningRateSchedule.POLYNOMIAL:
        return _polynomial(peak, train.lr_power, progress)
    return peak * _share(train, progress)


def _share(train: Train, progress: float) -> float:
    """What is left of the peak; ``progress`` is 0 after warm-up and 1 at the end."""
    if train.lr_scheduler is LearningRateSchedule.LINEAR:
        return max(0.0, 1.0 - progress)
    if train.lr_scheduler is LearningRateSchedule.COSINE_WITH_RESTARTS:
        if progress >= 1.0:
            return 0.0
        progress = train.lr_num_cycles * progress % 1.0
    return max(0.0, 0.5 * (1.0 + math.cos(math.pi * progress)))


def _polynomial(peak: float, power: float, progress: float) -> float:
    """Falls to `POLYNOMIAL_END` and stays there."""
    left = max(0.0, 1.0 - progress)
    return float((peak - POLYNOMIAL_END) * left**power + POLYNOMIAL_END)
