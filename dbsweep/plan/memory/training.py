"""The memory that training takes, modelled: weights, gradients, moments, activations.

Against published figures of SD 1.5 (`tests/plan/memory/test_training.py`) the model is off by 6% at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from dbsweep.config.lora import Targets
from dbsweep.config.schema import Train
from dbsweep.plan.courses import text_encoder_epochs
from dbsweep.plan.memory.activations import text_bytes, unet_bytes
from dbsweep.plan.memory.ladder import images_per_pass
from dbsweep.plan.memory.sizes import MOMENTS_BYTES, ModelSize
from dbsweep.records.record import Record

GIB = 2**30
"""GPU makers count their gigabytes so."""

RESERVE_BYTES = 3 * GIB // 2
"""For CUDA's context, its libraries' work space and what the allocator loses: what published figures leave over."""

OVERLAP = 0.25
"""Share of the smaller of gradients and activations that is there when most of the larger is, in steps of one pass. The
way back begins with large images and small weights, so most activations are gone when most gradients come."""

READ_BY_LORA: Final[Mapping[Targets, float]] = {"attention": 1.0, "linear": 1.15, "convolution": 1.3}
"""What a UNet's pass keeps in half precision around a LoRA of these layers, over what it keeps to train whole networks:
peft turns the input of each layer into float32, and autocast makes a copy of its own of that. By a count of SD 1's
saved tensors 0.97, 1.16 and 1.29."""

COPIED_FOR_LORA = 0.2
"""Share of the float32 weights whose half-precision copies are there when most is, where a LoRA's activations are
recomputed: autocast remembers copies of what trains alone, and others go with their part of the network. Of SD 1, by a
count of all living tensors."""

_FLOAT, _HALF = 4, 2  # gradients and averages are float32 in any case


class Memory(Record):
    """Bytes of device memory by what they hold; each field is a part."""

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.model_dump().values())

    def parts_text(self) -> str:
        """``weights 4.0, moments 7.3, …`` in GB, without what is next to nothing."""
        return ", ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        for name, count in self.model_dump().items():
            if count >= 0.05 * GIB:
                yield f"{name.replace('_', ' ')} {count / GIB:.1f}"


class TrainingMemory(Memory):
    """Bytes of device memory by what they hold, at the fullest moment of a step.

    Attributes:
        weights: of UNet, text encoder and VAE, in float32 but for a UNet that a LoRA holds in half precision.
        gradients_and_activations: of what trains, and what a pass keeps for its way back, half-precision copies of
            the weights among it.
        moments: what the optimizer keeps.
        average: of the weights (`ema_decay`).
        update: what an update of weights or average makes for a moment, where the pass has not left as much room. A
            pass that is replayed leaves none.
        scoring: the scoring encoder, which stays loaded between checkpoints.
        reserve: see `RESERVE_BYTES`.
    """

    weights: int
    gradients_and_activations: int
    moments: int
    average: int
    update: int
    scoring: int
    reserve: int = RESERVE_BYTES


def training_memory(train: Train, size: ModelSize, *, prompts: int, scoring_bytes: int) -> TrainingMemory:
    """What a trial's training takes.

    Args:
        prompts: different ones in a pass at most.
        scoring_bytes: of the scoring encoder's weights.
    """
    trained = trained_parameters(train, size)
    gradients, activations = _FLOAT * trained, pass_bytes(train, size, prompts=prompts)
    both = gradients + activations
    if train.gradient_accumulation == 1:
        both = round(max(gradients, activations) + OVERLAP * min(gradients, activations))
    # One copy of all that trains: diffusers' average takes all differences at once, and so does Prodigy.
    for_a_moment = _FLOAT * trained if train.ema_decay > 0.0 or train.optimizer == "prodigy" else 0
    return TrainingMemory(
        weights=(_HALF if train.frozen_in_half else _FLOAT) * size.unet + _FLOAT * (size.text_encoder + size.vae),
        gradients_and_activations=both,
        moments=round(MOMENTS_BYTES[train.optimizer] * trained),
        average=_FLOAT * trained if train.ema_decay > 0.0 else 0,
        update=max(0, for_a_moment - (0 if train.may_replay else both - gradients)),
        scoring=scoring_bytes,
    )


def trained_parameters(train: Train, size: ModelSize) -> int:
    """How many numbers train."""
    return size.trained(
        train.lora_rank, train.lora_targets, dora=train.lora_dora, text_encoder=text_encoder_epochs(train) > 0
    )


def pass_bytes(train: Train, size: ModelSize, *, prompts: int) -> int:
    """What a pass keeps for its way back."""
    half, checkpointing, lora = train.precision != "fp32", train.gradient_checkpointing, train.lora_rank > 0
    images, text_trains = images_per_pass(train), text_encoder_epochs(train) > 0
    kept = float(images * unet_bytes(size.unet_shape, train.resolution, half=half, checkpointing=checkpointing))
    if half and lora:
        kept *= READ_BY_LORA[train.lora_targets]
    if text_trains:
        kept += min(prompts, images) * text_bytes(size.text_shape, half=half, checkpointing=checkpointing)
    if half:
        copied = (0 if train.frozen_in_half else size.unet) + (size.text_encoder if text_trains else 0)
        kept += _HALF * copied * (COPIED_FOR_LORA if lora and checkpointing else 1.0)
    return round(kept)
