"""The part of the `train` section that says what a LoRA is like."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dbsweep.config.fields import CountOrNone, NotBool, Positive, Section


class LoraSettings(Section):
    """LoRA (Hu et al. 2021): small factors are trained beside the weights, which stay as they are."""

    lora_rank: CountOrNone = Field(0, description="rank of the factors; 0 trains the whole networks")
    lora_alpha: Positive | None = Field(
        None, description="the factors' product counts alpha / rank times; null is rank"
    )
    lora_dropout: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False), NotBool] = Field(
        0.0, description="share of a layer's inputs that its factors do not see in training"
    )
    lora_targets: Literal["attention", "linear", "convolution"] = Field(
        "attention", description="layers: of attention; all linear ones too; convolutions of the UNet too"
    )
    lora_dora: bool = Field(False, description="DoRA: the sizes of the weights are learned apart")
