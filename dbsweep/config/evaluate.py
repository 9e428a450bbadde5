"""The section `evaluate` of the experiment file: what is drawn and scored, at checkpoints and at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from dbsweep.config.fields import (
    Count,
    CountOrNone,
    GuidanceScale,
    LocalPath,
    ModelSource,
    NotBool,
    NotNegative,
    SamplerName,
    SamplingSteps,
    Section,
    Seed,
    count_or,
)


def _context(text: str) -> str:
    if not text.strip(" ,"):
        raise ValueError(f"must say where the subject is, such as 'blue background', got {text!r}")
    return text.strip(" ,")


DrawingPrecision: TypeAlias = Literal["auto", "fp32", "fp16", "bf16"]

_TOKEN_IMAGES = 16
"""Enough to tell a word with a meaning from one without; see `dbsweep.scoring.token_meaning`."""

LEADERS = 2
"""The best checkpoints, whose neighbours are looked at late."""


class Identity(Section):
    """Whose eyes tell identity, if not the encoder of style; one of the three."""

    encoder: ModelSource | None = Field(None, description="another open_clip model/tag or a local open_clip folder")
    dinov2: ModelSource | None = Field(
        None, description="DINOv2: facebook/dinov2-base or a local folder; sees who it is where CLIP sees what it is"
    )
    face_detector: LocalPath | None = Field(None, description="YuNet's .onnx file; needs face_recognizer too")
    face_recognizer: LocalPath | None = Field(None, description="SFace's .onnx file; needs face_detector too")

    @property
    def sources(self) -> dict[str, Path | str]:
        """What is given, by the field's name."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in fields.items() if value is not None}

    @model_validator(mode="after")
    def _one_of_them(self) -> Identity:
        if (self.face_detector is None) != (self.face_recognizer is None):
            raise ValueError("faces need face_detector and face_recognizer, got one of them")
        given = [self.encoder, self.dinov2, self.face_detector]
        if sum(each is not None for each in given) > 1:
            raise ValueError("must name one of encoder, dinov2 and the face networks")
        return self


class Race(Section):
    """How checkpoints that can still win are told apart: by further images of the same prompts, in rounds."""

    enabled: bool = Field(True, description="draw further images at the end of the sweep")
    images_per_prompt: Annotated[int, Field(ge=2)] = Field(
        16, description="most images per prompt, those of evaluate.images_per_prompt included"
    )
    finalists: Annotated[int, Field(ge=2)] = Field(4, description="most checkpoints that get further images")
    error: Annotated[float, Field(gt=0.0, lt=0.5), NotBool] = Field(
        0.05,
        description="chance that the best checkpoint is dropped too early, if finalists has room for all that could be"
        " the best",
    )
    tie: NotNegative = Field(
        0.01, description="difference of utility that does not matter: no images are drawn to settle it"
    )


class Evaluate(Section):
    """What is drawn at checkpoints, and at which."""

    every_epochs: Count = Field(10, description="epochs between checkpoints; the last epoch of a trial always has one")
    every_steps: Count | None = Field(
        None, description="optimizer steps between checkpoints instead of every_epochs, rounded up to whole epochs"
    )
    look_every: Annotated[Literal["auto"] | Count, count_or("auto")] = Field(
        "auto",
        description="draw and score only every n-th checkpoint and, at the end, those beside the best; auto is 2 if"
        " every trial has 8 checkpoints or more and all are kept, else 1",
    )
    images_per_prompt: Annotated[int, Field(ge=2)] = Field(4, description="images per prompt, a seed each")
    contexts: tuple[Annotated[str, AfterValidator(_context)], ...] = Field(
        (), description="surroundings in which subject and class are drawn too: blue background, wearing a red shirt"
    )
    guidance_scale: GuidanceScale = Field(7.5, description="CFG scale")
    num_inference_steps: SamplingSteps = Field(20, description="sampling steps")
    sampler: SamplerName = Field("DPM++ 2M Karras", description="sampler, by A1111's name")
    precision: DrawingPrecision = Field(
        "auto",
        description="fp32, fp16 or bf16 for everything that is drawn, class images included; auto is fp16 on a GPU and"
        " fp32 on the CPU",
    )
    negative_prompt: str = Field("", description="negative prompt of all evaluation images")
    seed: Seed = Field(420420, description="image i of a prompt uses seed + i, as in A1111; the default is D8ahazard's")
    encoder: ModelSource = Field(
        "ViT-L-14/openai",
        description="CLIP that scores the images: an open_clip model/tag, a local open_clip folder, or minisd",
    )
    identity: Identity = Identity()
    stop_overtrained: bool = Field(True, description="end a trial when its verdict is overtrained")
    patience: CountOrNone = Field(
        0, description="further looks before an overtrained trial is ended; a collapsed one gets at least one"
    )
    race: Race = Race()

    @model_validator(mode="after")
    def _contexts_differ(self) -> Evaluate:
        if len(set(self.contexts)) < len(self.contexts):
            raise ValueError(f"contexts must differ, got {', '.join(self.contexts)}")
        return self

    @property
    def levels(self) -> tuple[int, ...]:
        """Seeds a prompt at the first look and after each round of the race: twice as many each time."""
        levels, most = [self.images_per_prompt], self.race.images_per_prompt if self.race.enabled else 0
        while levels[-1] < most:
            levels.append(min(2 * levels[-1], most))
        return tuple(levels)

    @property
    def token_images(self) -> int:
        """Images of each instance prompt in which the untrained model shows what it makes of the token itself."""
        return min(self.levels[-1], _TOKEN_IMAGES)
