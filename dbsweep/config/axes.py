"""Axes: what a search sweeps and what a grid varies."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dbsweep.records import Scalar


class Axis(BaseModel):
    """Base of axes: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Values(Axis):
    """A grid axis: every value is tried with every value of the other grid axes."""

    values: tuple[Scalar, ...] = Field(min_length=1)


class Uniform(Axis):
    """Sampled uniformly between the bounds."""

    uniform: tuple[float, float]


class LogUniform(Axis):
    """Sampled uniformly in the logarithm between the bounds."""

    loguniform: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]


class Selected(Axis):
    """One of the values, sampled uniformly."""

    choice: tuple[Scalar, ...] = Field(min_length=1)


SearchAxis = Values | Uniform | LogUniform | Selected


class AxisKind(StrEnum):
    """What a grid can vary."""

    GUIDANCE_SCALE = "guidance_scale"
    PROMPT_WEIGHT = "prompt_weight"
    NUM_INFERENCE_STEPS = "num_inference_steps"
    SAMPLER = "sampler"
    SEED = "seed"


class GridAxis(Axis):
    """One axis of a grid.

    Attributes:
        axis: what varies.
        values: its values, left to right or top to bottom.
        word: for `prompt_weight`: the words of the prompt that get the weight.
    """

    axis: AxisKind
    values: tuple[Scalar, ...] = Field(min_length=1)
    word: str | None = None

    @model_validator(mode="after")
    def _word_belongs_to_prompt_weight(self) -> GridAxis:
        if (self.axis is AxisKind.PROMPT_WEIGHT) != (self.word is not None):
            raise ValueError("`word` is needed for axis prompt_weight and for no other")
        return self
