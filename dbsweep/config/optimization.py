"""The part of the `train` section that says how gradients move the weights."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from dbsweep.config.fields import Count, CountOrNone, Fraction, NotBool, NotNegative, Positive, Section
from dbsweep.config.step_rules import StepRulesText

POLYNOMIAL_END = 1e-7
"""The learning rate at the end of a polynomial schedule, as in diffusers."""

LEAST_PRODIGY_RATE = 0.01
"""Prodigy's learning rate is a factor of about 1; below this it is a rate that was meant for another optimizer."""

OptimizerName: TypeAlias = Literal[
    "adamw", "adamw_8bit", "paged_adamw_8bit", "lion_8bit", "paged_lion_8bit", "adafactor", "prodigy"
]


class LearningRateSchedule(StrEnum):
    """Learning-rate schedules, by diffusers' names; only the first three do not depend on the total length."""

    CONSTANT = "constant"
    CONSTANT_WITH_WARMUP = "constant_with_warmup"
    PIECEWISE_CONSTANT = "piecewise_constant"
    LINEAR = "linear"
    COSINE = "cosine"
    COSINE_WITH_RESTARTS = "cosine_with_restarts"
    POLYNOMIAL = "polynomial"

    @property
    def depends_on_length(self) -> bool:
        """Whether trials of different length differ from their first step on."""
        return self not in _OF_ANY_LENGTH

    @property
    def warms_up(self) -> bool:
        """Whether `lr_warmup_steps` counts: not for `constant` and `piecewise_constant`, as in diffusers."""
        return self not in (LearningRateSchedule.CONSTANT, LearningRateSchedule.PIECEWISE_CONSTANT)

    @property
    def falls_to_a_share(self) -> bool:
        """Whether `lr_min_ratio` counts: a polynomial one falls to `POLYNOMIAL_END`."""
        return self.depends_on_length and self is not LearningRateSchedule.POLYNOMIAL


_OF_ANY_LENGTH = (
    LearningRateSchedule.CONSTANT,
    LearningRateSchedule.CONSTANT_WITH_WARMUP,
    LearningRateSchedule.PIECEWISE_CONSTANT,
)


def _refuse_share(value: object) -> object:
    if isinstance(value, float) and 0.0 < value < 1.0:
        raise ValueError(
            f"must be a whole number of steps, got {value:g}; a share of all steps, as other trainers take it, is not"
            " there: multiply it out"
        )
    return value


WarmupSteps = Annotated[CountOrNone, BeforeValidator(_refuse_share)]


class Optimization(Section):
    """How gradients move the weights."""

    learning_rate: Positive = Field(2e-6, description="learning rate of the UNet and, by default, of the text encoder")
    text_encoder_learning_rate: Positive | None = Field(
        None, description="learning rate of the text encoder; null: learning_rate"
    )
    scale_lr: bool = Field(False, description="multiply learning rates by batch_size * gradient_accumulation")
    lr_scheduler: LearningRateSchedule = Field(LearningRateSchedule.CONSTANT, description="learning-rate schedule")
    lr_warmup_steps: WarmupSteps = Field(0, description="optimizer steps of linear warm-up")
    lr_num_cycles: Count = Field(1, description="number of times that cosine_with_restarts falls")
    lr_min_ratio: Fraction = Field(
        0.0, description="what linear, cosine and cosine_with_restarts fall to, as a share of the learning rate"
    )
    lr_power: Positive = Field(1.0, description="exponent of the polynomial schedule; 1 is linear")
    lr_step_rules: StepRulesText = Field(
        "1", description="for piecewise_constant: '1:400,0.1' is the full rate for 400 steps, then a tenth of it"
    )
    optimizer: OptimizerName = Field(
        "adamw", description="8-bit ones need bitsandbytes, paged ones also a GPU; with prodigy, set learning_rate 1"
    )
    weight_decay: NotNegative = Field(0.01, description="decoupled weight decay of everything that trains")
    max_grad_norm: NotNegative = Field(
        1.0, description="clip the gradients of everything that trains to this global norm; 0: no clipping"
    )
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False), NotBool] = Field(
        0.0, description="checkpoints hold a moving average of the weights, usually 0.9999; 0: the weights themselves"
    )

    @model_validator(mode="after")
    def _polynomial_falls(self) -> Optimization:
        if self.lr_scheduler is LearningRateSchedule.POLYNOMIAL and self.learning_rate <= POLYNOMIAL_END:
            raise ValueError(
                f"lr_scheduler polynomial falls to {POLYNOMIAL_END:g}, so learning_rate must be above that, got"
                f" {self.learning_rate:g}; raise it, or use linear"
            )
        return self

    @model_validator(mode="after")
    def _prodigy_finds_its_own_rate(self) -> Optimization:
        if self.optimizer != "prodigy":
            return self
        if self.text_encoder_learning_rate not in (None, self.learning_rate):
            raise ValueError(
                "optimizer prodigy finds one learning rate for all that trains, got text_encoder_learning_rate"
                f" {self.text_encoder_learning_rate:g}; remove it"
            )
        if self.scale_lr:
            raise ValueError("optimizer prodigy finds its own learning rate, and scale_lr would multiply it; remove it")
        if self.learning_rate < LEAST_PRODIGY_RATE:
            raise ValueError(
                f"optimizer prodigy multiplies its own estimate by learning_rate, got {self.learning_rate:g}; use 1"
            )
        return self
