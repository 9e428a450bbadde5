"""Axes: what a search sweeps and what a grid varies."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationInfo, field_validator, model_validator

from dbsweep.config.fields import (
    Count,
    GuidanceScale,
    ModelSource,
    NotBool,
    Positive,
    SamplerName,
    SamplingSteps,
    Section,
    Seed,
    count_or,
)
from dbsweep.config.problems import Problems
from dbsweep.records.record import Scalar


class Values(Section):
    """A grid axis: every value is tried with every value of the other grid axes."""

    values: tuple[Scalar, ...] = Field(min_length=1)


class Uniform(Section):
    """Sampled uniformly between the bounds; rounded to a whole number for settings that are one."""

    uniform: tuple[float, float]


class LogUniform(Section):
    """Sampled uniformly in the logarithm between the bounds; rounded for settings that are whole numbers."""

    loguniform: tuple[Positive, Positive]


class Selected(Section):
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
    WORDS = "words"
    CHECKPOINT = "checkpoint"
    MERGE_RATIO = "merge_ratio"


NOTHING = "(nothing)"
"""What a grid shows for words that are taken out."""

LABELS = {
    AxisKind.GUIDANCE_SCALE: "CFG scale",
    AxisKind.PROMPT_WEIGHT: "weight",
    AxisKind.NUM_INFERENCE_STEPS: "steps",
    AxisKind.SAMPLER: "sampler",
    AxisKind.SEED: "seed",
    AxisKind.WORDS: "words",
    AxisKind.CHECKPOINT: "checkpoint",
    AxisKind.MERGE_RATIO: "multiplier",
}
"""Axis names as A1111 shows them, but for words, its "Prompt S/R"; the multiplier is its checkpoint merger's."""


CheckpointName = Literal["base", "before", "best", "after", "last", "runner_up"]
"""Checkpoints that are known once there is a choice (`dbsweep.sweep.grid_models`), and the untrained base model."""


def value_text(value: Scalar) -> str:
    """A value of an axis as a grid shows it."""
    return f"{value:g}" if isinstance(value, float) else str(value) or NOTHING


_Number = Annotated[float, Field(allow_inf_nan=False), NotBool]

_ALLOWED: dict[AxisKind, TypeAdapter[Any]] = {
    AxisKind.GUIDANCE_SCALE: TypeAdapter(GuidanceScale),
    AxisKind.PROMPT_WEIGHT: TypeAdapter(_Number),
    AxisKind.NUM_INFERENCE_STEPS: TypeAdapter(SamplingSteps),
    AxisKind.SAMPLER: TypeAdapter(SamplerName),
    AxisKind.SEED: TypeAdapter(Seed),
    AxisKind.WORDS: TypeAdapter(str),
    AxisKind.CHECKPOINT: TypeAdapter(Annotated[CheckpointName | Count, count_or(*get_args(CheckpointName))]),
    AxisKind.MERGE_RATIO: TypeAdapter(_Number),
}


class GridAxis(Section):
    """One axis of a grid."""

    axis: AxisKind = Field(description="what varies")
    values: tuple[Scalar, ...] = Field(
        min_length=1,
        description="its values, left to right or top to bottom. words: the first stands in the prompt or the negative"
        " prompt, and the others replace it. checkpoint: epochs of the chosen training, or base, before,"
        " best, after, last, runner_up. merge_ratio: m of custom model + m × (checkpoint − base model); 0"
        " is the custom model itself",
    )
    word: str | None = Field(
        None, min_length=1, description="for prompt_weight: the words of the prompt that get the weight"
    )
    into: ModelSource | None = Field(None, description="for merge_ratio: the custom model, named as in `base_model`")

    @field_validator("values", mode="before")
    @classmethod
    def _values_fit_the_axis(cls, values: object, info: ValidationInfo) -> object:
        kind = info.data.get("axis")
        if kind is None or not isinstance(values, list | tuple):
            return values
        problems = Problems()
        accepted = problems.check_all(_ALLOWED[kind], values, ())
        if kind is AxisKind.WORDS and accepted[:1] == ("",):
            problems.add((0,), "must not be empty, for it is what the others take the place of")
        problems.refuse("values")
        return accepted

    @model_validator(mode="after")
    def _word_and_model_belong_to_their_axes(self) -> GridAxis:
        fields = {"word": AxisKind.PROMPT_WEIGHT, "into": AxisKind.MERGE_RATIO}
        for name, kind in fields.items():
            if (self.axis is kind) != (getattr(self, name) is not None):
                raise ValueError(f"`{name}` is needed for axis {kind} and for no other")
        return self
