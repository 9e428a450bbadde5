"""The experiment file as frozen models; unknown keys are refused."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dbsweep.config.axes import GridAxis, SearchAxis
from dbsweep.records import Scalar


class Section(BaseModel):
    """Base of every section: immutable, unknown keys refused, defaults checked too."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class ClassImages(Section):
    """How the base model draws the class images of prior preservation."""

    folder: Path | None = Field(None, description="own class images to use first; topped up when too few")
    negative_prompt: str = Field("", description="negative prompt of the class images")
    guidance_scale: Annotated[float, Field(ge=1.0)] = Field(
        3.0, description="CFG scale; moderate, so that they do not oversaturate"
    )
    num_inference_steps: Count = Field(20, description="sampling steps")


class Concept(Section):
    """One subject or style to teach."""

    instance_images: Path = Field(description="folder of photos, relative to the experiment file")
    instance_token: str = Field(min_length=1, description="the rare word that will mean the subject")
    class_token: str = Field(min_length=1, description="the noun for its class: man, dog, style")
    instance_prompt: str = Field(min_length=1, description="prompt that every photo is trained with")
    class_prompt: str = Field(min_length=1, description="prompt of the class images")
    sanity_prompts: tuple[str, ...] = Field(
        min_length=1, description="subject in a style of another artist: overtraining shows here first"
    )
    class_images: ClassImages = ClassImages()

    @model_validator(mode="after")
    def _prompts_name_the_subject(self) -> Concept:
        for prompt in (self.instance_prompt, *self.sanity_prompts):
            if self.instance_token not in prompt.split() and self.instance_token not in prompt:
                raise ValueError(f"prompt {prompt!r} does not contain the instance token {self.instance_token!r}")
        if self.instance_token in self.class_prompt.split():
            raise ValueError(
                f"class_prompt {self.class_prompt!r} must not contain the instance token {self.instance_token!r}"
            )
        return self


class LearningRateSchedule(StrEnum):
    """Learning-rate schedules, by diffusers' names; only the first two do not depend on the total length."""

    CONSTANT = "constant"
    CONSTANT_WITH_WARMUP = "constant_with_warmup"
    LINEAR = "linear"
    COSINE = "cosine"

    @property
    def depends_on_length(self) -> bool:
        """Whether trials of different length differ from their first step on."""
        return self in (LearningRateSchedule.LINEAR, LearningRateSchedule.COSINE)


class Train(Section):
    """How one trial trains. Any of these may be an axis of `search`."""

    resolution: Annotated[int, Field(ge=32, le=2048, multiple_of=8)] = Field(
        512, description="side of the square training images, pixels"
    )
    batch_size: Count = Field(1, description="instance images a forward pass; as many class images are added to it")
    gradient_accumulation: Count = Field(1, description="forward passes an optimizer step")
    learning_rate: Positive = Field(2e-6, description="AdamW's learning rate for UNet and text encoder")
    epochs: Count = Field(100, description="passes over the instance images")
    class_images_per_instance: Annotated[int, Field(ge=0)] = Field(
        25, description="class images for each photo; 0 trains without prior preservation"
    )
    text_encoder_ratio: Fraction = Field(0.7, description="the text encoder trains while epoch < round(epochs * ratio)")
    prior_loss_weight: Annotated[float, Field(ge=0.0)] = Field(1.0, description="weight of the class images' loss")
    lr_scheduler: LearningRateSchedule = Field(LearningRateSchedule.CONSTANT, description="learning-rate schedule")
    lr_warmup_steps: Annotated[int, Field(ge=0)] = Field(0, description="optimizer steps of linear warm-up")
    optimizer: Literal["adamw", "adamw_8bit"] = Field(
        "adamw", description="8-bit needs bitsandbytes and saves 6 bytes a parameter"
    )
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(0.01, description="AdamW's weight decay")
    max_grad_norm: Positive = Field(1.0, description="gradient clipping by global norm")
    precision: Literal["fp32", "fp16", "bf16"] = Field("fp32", description="autocast precision of the forward pass")
    gradient_checkpointing: bool = Field(False, description="recompute activations: slower, less memory")
    seed: int = Field(0, ge=0, description="decides noise, timesteps and image order, with the step alone")


class Search(Section):
    """Which settings are swept: lists are grid axes, distributions are sampled `samples` times.

    Attributes:
        axes: by the setting's name in `Train`.
    """

    axes: dict[str, SearchAxis] = Field(default_factory=dict)
    samples: Count = 1


class Evaluate(Section):
    """What is drawn at every checkpoint."""

    every_epochs: Count = Field(10, description="epochs between checkpoints; the last epoch of a trial always has one")
    images_per_prompt: Annotated[int, Field(ge=2)] = Field(4, description="seeds a prompt")
    guidance_scale: Annotated[float, Field(ge=1.0)] = Field(7.5, description="CFG scale")
    num_inference_steps: Count = Field(20, description="sampling steps")
    sampler: str = Field("DPM++ 2M Karras", description="A1111's name of the sampler")
    negative_prompt: str = Field("", description="negative prompt of all evaluation images")
    seed: int = Field(420420, ge=0, description="image i of a prompt has seed + i (A1111's rule; D8ahazard's default)")
    encoder: str = Field("ViT-L-14/openai", description="open_clip model/tag, a local open_clip folder, or minisd")
    stop_overtrained: bool = Field(True, description="end a trial when its verdict is overtrained")
    patience: Annotated[int, Field(ge=0)] = Field(
        1, description="further checkpoints before an overtrained trial is ended"
    )


class Grid(Section):
    """Images of the chosen checkpoint over one to three axes."""

    prompt: str = Field(min_length=1)
    negative_prompt: str = ""
    x: GridAxis
    y: GridAxis | None = None
    z: GridAxis | None = None
    seeds: tuple[int, ...] = Field((0,), min_length=1)


class Resources(Section):
    """What one trial takes of the machine."""

    cpus_per_trial: Positive = Field(1.0, description="CPU cores")
    gpus_per_trial: Annotated[float, Field(ge=0.0)] = Field(
        0.0, description="GPUs; a fraction shares one GPU among trials"
    )


class Tracking(Section):
    """Where MLflow keeps the run."""

    uri: str | None = Field(None, description="MLflow tracking URI; default is a SQLite file in the output folder")
    experiment: str = Field("dbsweep", min_length=1, description="MLflow experiment name")


class Experiment(Section):
    """One experiment file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="name of the run and of its folder")
    base_model: str = Field(
        min_length=1, description="minisd, a diffusers folder, a hub id, or a .safetensors/.ckpt file"
    )
    concepts: tuple[Concept, ...] = Field(min_length=1)
    train: Train = Train()
    search: Search = Search()
    evaluate: Evaluate = Evaluate()
    grids: tuple[Grid, ...] = ()
    resources: Resources = Resources()
    tracking: Tracking = Tracking()
    output: Path = Field(Path("runs"), description="folder of all runs, relative to the working directory")

    def train_for(self, settings: dict[str, Scalar]) -> Train:
        """The `train` section of one trial; ValidationError if a swept value is not allowed there."""
        return Train.model_validate({**self.train.model_dump(), **settings})
