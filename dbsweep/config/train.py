"""The `train` section of the experiment file: how one trial trains."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dbsweep.config.fields import Count, CountOrNone, Fraction, NotBool, NotNegative, Positive, Section, Seed

POLYNOMIAL_END = 1e-7
"""The learning rate at the end of a polynomial schedule, as in diffusers."""


class LearningRateSchedule(StrEnum):
    """Learning-rate schedules, by diffusers' names; only the first two do not depend on the total length."""

    CONSTANT = "constant"
    CONSTANT_WITH_WARMUP = "constant_with_warmup"
    LINEAR = "linear"
    COSINE = "cosine"
    COSINE_WITH_RESTARTS = "cosine_with_restarts"
    POLYNOMIAL = "polynomial"

    @property
    def depends_on_length(self) -> bool:
        """Whether trials of different length differ from their first step on."""
        return self not in (LearningRateSchedule.CONSTANT, LearningRateSchedule.CONSTANT_WITH_WARMUP)


class _Optimization(Section):
    """How gradients move the weights."""

    learning_rate: Positive = Field(2e-6, description="learning rate of UNet and text encoder")
    lr_scheduler: LearningRateSchedule = Field(LearningRateSchedule.CONSTANT, description="learning-rate schedule")
    lr_warmup_steps: CountOrNone = Field(0, description="optimizer steps of linear warm-up")
    lr_num_cycles: Count = Field(1, description="times that cosine_with_restarts falls to 0")
    lr_power: Positive = Field(1.0, description="exponent of the polynomial schedule; 1 is linear")
    optimizer: Literal["adamw", "adamw_8bit"] = Field(
        "adamw", description="8-bit needs bitsandbytes and saves 6 bytes a parameter"
    )
    weight_decay: NotNegative = Field(0.01, description="AdamW's weight decay")
    max_grad_norm: Positive = Field(1.0, description="gradient clipping by global norm")

    @model_validator(mode="after")
    def _polynomial_falls(self) -> _Optimization:
        if self.lr_scheduler is LearningRateSchedule.POLYNOMIAL and self.learning_rate <= POLYNOMIAL_END:
            raise ValueError(
                f"lr_scheduler polynomial falls to {POLYNOMIAL_END:g}, so learning_rate must be above that, got"
                f" {self.learning_rate:g}; raise it, or use linear"
            )
        return self


class Train(_Optimization):
    """How one trial trains. Any of these may be an axis of `search`."""

    resolution: Annotated[int, Field(ge=32, le=2048, multiple_of=8), NotBool] = Field(
        512, description="side of the square training images, pixels"
    )
    batch_size: Count = Field(1, description="instance images a forward pass; as many class images are added to it")
    gradient_accumulation: Count = Field(1, description="forward passes an optimizer step")
    epochs: Count = Field(100, description="passes over the instance images")
    class_images_per_instance: CountOrNone = Field(
        25, description="class images for each photo; 0 trains without prior preservation"
    )
    text_encoder_ratio: Fraction = Field(0.7, description="the text encoder trains while epoch < round(epochs * ratio)")
    prior_loss_weight: NotNegative = Field(1.0, description="weight of the class images' loss")
    min_snr_gamma: NotNegative = Field(
        0.0, description="caps the loss weight of nearly clean timesteps, usually 5; 0 weighs all alike"
    )
    precision: Literal["fp32", "fp16", "bf16"] = Field("fp32", description="autocast precision of the forward pass")
    gradient_checkpointing: bool = Field(False, description="recompute activations: slower, less memory")
    seed: Seed = Field(0, description="decides noise, timesteps and image order, with the step alone")
