"""The learning rate at a step, by the formulas of diffusers' ``get_scheduler`` and transformers' minimal rate."""

from __future__ import annotations

import math

from dbsweep.config.optimization import POLYNOMIAL_END
from dbsweep.config.schema import LearningRateSchedule, Train
from dbsweep.config.step_rules import step_rules


def learning_rates(train: Train, step: int, total_steps: int) -> tuple[float, float]:
    """UNet's and text encoder's learning rates of the update that leads from ``step`` to ``step + 1`` (0-based).

    As in diffusers, warm-up starts at zero, ``constant`` and ``piecewise_constant`` have none, and a polynomial one is
    shaped by the UNet's rate.

    Args:
        total_steps: optimizer steps of the whole trial; matters to the schedules that fall.
    """
    unet, text_encoder = train.peak_learning_rates
    share = _share_at(train, unet, step, total_steps)
    return unet * share, text_encoder * share


def _share_at(train: Train, peak: float, step: int, total_steps: int) -> float:
    """What is left of the peak at a step."""
    if train.lr_scheduler is LearningRateSchedule.CONSTANT:
        return 1.0
    if train.lr_scheduler is LearningRateSchedule.PIECEWISE_CONSTANT:
        return step_rules(train.lr_step_rules).span_at(step)[0]
    if step < train.lr_warmup_steps:
        return step / train.lr_warmup_steps
    if train.lr_scheduler is LearningRateSchedule.CONSTANT_WITH_WARMUP:
        return 1.0
    progress = (step - train.lr_warmup_steps) / max(1, total_steps - train.lr_warmup_steps)
    if train.lr_scheduler is LearningRateSchedule.POLYNOMIAL:
        return _polynomial(peak, train.lr_power, progress) / peak
    return train.lr_min_ratio + (1.0 - train.lr_min_ratio) * _share(train, progress)


def _share(train: Train, progress: float) -> float:
    """What is left of the peak where nothing is kept; ``progress`` is 0 after warm-up and 1 at the end."""
    if train.lr_scheduler is LearningRateSchedule.LINEAR:
        return max(0.0, 1.0 - progress)
    if train.lr_scheduler is LearningRateSchedule.COSINE_WITH_RESTARTS:
        if progress >= 1.0:
            return 0.0
        progress = train.lr_num_cycles * progress % 1.0
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def _polynomial(peak: float, power: float, progress: float) -> float:
    """Falls to `POLYNOMIAL_END` and stays there."""
    left = max(0.0, 1.0 - progress)
    return float((peak - POLYNOMIAL_END) * left**power + POLYNOMIAL_END)
