"""The `train` section of the experiment file: how one trial trains."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from dbsweep.config.compute import Compute
from dbsweep.config.denoising import Denoising
from dbsweep.config.fields import Count, CountOrNone, Fraction, NotBool, NotNegative, Seed
from dbsweep.config.lora import LoraSettings
from dbsweep.config.optimization import LearningRateSchedule, Optimization

__all__ = ["LearningRateSchedule", "Train"]


class Train(Optimization, LoraSettings, Denoising, Compute):
    """How one trial trains. Any of these may be an axis of `search`."""

    resolution: Annotated[int, Field(ge=32, le=2048, multiple_of=8), NotBool] = Field(
        512, description="side of the square images, pixels; if it is swept, all trials are still drawn at this value"
    )
    batch_size: Count = Field(1, description="instance images per forward pass; as many class images are added to it")
    gradient_accumulation: Count = Field(1, description="forward passes per optimizer step")
    epochs: Count = Field(100, description="passes over the instance images")
    steps: Count | None = Field(None, description="optimizer steps instead of epochs, rounded up to whole epochs")
    class_images_per_instance: CountOrNone = Field(
        25, description="class images per photo; 0 trains without prior preservation"
    )
    text_encoder_ratio: Fraction = Field(0.7, description="the text encoder trains while epoch < round(epochs * ratio)")
    prior_loss_weight: NotNegative = Field(1.0, description="weight of the class images' loss")
    background_weight: Fraction = Field(
        1.0,
        description="weight of the loss where a photo's mask (its transparency, or NAME-masklabel.png beside it) is"
        " black; 0 learns nothing there, 1 reads no masks",
    )
    caption_dropout: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False), NotBool] = Field(
        0.0, description="share of images that train with an empty prompt, usually 0.1; keeps CFG working"
    )
    shuffle_tags: bool = Field(False, description="shuffle the comma-separated parts of [filewords] at every use")
    tag_dropout: Fraction = Field(0.0, description="share of these parts that is left out at every use")
    keep_tags: CountOrNone = Field(0, description="number of leading parts that are neither moved nor left out")
    random_flip: bool = Field(
        False, description="mirror each photo at random in half of its uses; off because faces are not symmetric"
    )
    random_crops: CountOrNone = Field(
        0,
        description="crops per photo, evenly spread over what one crop leaves off; each use takes one at random. 0"
        " takes the centre",
    )
    aspect_ratio_buckets: bool = Field(
        False, description="photos keep their shape and are cropped to the nearest size of about resolution² pixels"
    )
    seed: Seed = Field(
        0, description="decides noise, timesteps and image order, which depend on nothing else but the step"
    )

    @model_validator(mode="after")
    def _prodigy_has_one_rate_for_both_factors(self) -> Train:
        if self.optimizer == "prodigy" and self.lora_plus_ratio != 1.0:
            raise ValueError(
                "optimizer prodigy finds one learning rate for all that trains, got lora_plus_ratio"
                f" {self.lora_plus_ratio:g}; remove it"
            )
        return self

    @property
    def may_replay(self) -> bool:
        """Whether a GPU's passes may be replayed; to recompute what drops out asks the processor for random states."""
        return self.cuda_graphs and not (self.gradient_checkpointing and self.lora_dropout > 0.0)

    @property
    def frozen_in_half(self) -> bool:
        """Whether a UNet's weights that do not train are held in half precision; a DoRA measures them in float32."""
        return self.lora_rank > 0 and self.precision != "fp32" and not self.lora_dora

    @property
    def peak_learning_rates(self) -> tuple[float, float]:
        """Of UNet and text encoder, before the schedule."""
        scale = self.batch_size * self.gradient_accumulation if self.scale_lr else 1
        text = self.text_encoder_learning_rate
        return scale * self.learning_rate, scale * (self.learning_rate if text is None else text)
