"""How large the checkpoints of a sweep are on disk, by the trial that has the largest."""

from __future__ import annotations

import math
from typing import Any

from dbsweep.config.axes import LogUniform, Selected, Uniform, Values
from dbsweep.config.schema import Experiment
from dbsweep.plan.memory.sizes import MOMENTS_BYTES, ModelSize

_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}


def weight_bytes(experiment: Experiment, size: ModelSize) -> int:
    """Of what trains, in the precision in which it is kept.

    Args:
        size: of the base model.
    """
    return _trained_parameters(experiment, size) * _BYTES[experiment.checkpoints.precision]


def state_bytes(experiment: Experiment, size: ModelSize) -> int:
    """Of what training goes on from: both networks whole, also the one that does not train, moments and averages."""
    trained = _trained_parameters(experiment, size)
    held = trained if all(_values(experiment, "lora_rank")) else size.unet + size.text_encoder
    moments = max(MOMENTS_BYTES[name] for name in _values(experiment, "optimizer"))
    averages = _BYTES["fp32"] if any(_values(experiment, "ema_decay")) else 0
    return round(held * _BYTES["fp32"] + trained * (moments + averages))


def _trained_parameters(experiment: Experiment, size: ModelSize) -> int:
    """Of the trial that trains most."""
    longest, largest = (max(_values(experiment, setting)) for setting in ("epochs", "text_encoder_ratio"))
    dora = any(_values(experiment, "lora_dora"))
    return max(
        size.trained(math.ceil(rank), targets, dora=dora, text_encoder=round(longest * largest) > 0)
        for rank in _values(experiment, "lora_rank")
        for targets in _values(experiment, "lora_targets")
    )


def _values(experiment: Experiment, setting: str) -> tuple[Any, ...]:
    """The values that the trials have of a setting; of a distribution its bounds."""
    match experiment.search.axes.get(setting):
        case Values(values=values) | Selected(choice=values) | Uniform(uniform=values) | LogUniform(loguniform=values):
            return values
        case None:
            return (getattr(experiment.train, setting),)
