"""The part of the `train` section that says what a LoRA is like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from dbsweep.config.fields import CountOrNone, NotBool, NotNegative, Positive, Section

Targets: TypeAlias = Literal["attention", "linear", "convolution"]

_UNET_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
_UNET_LINEAR = (*_UNET_ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2")
_TEXT_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")
_TEXT_LINEAR = (*_TEXT_ATTENTION, "fc1", "fc2")
LAYERS: Mapping[str, Mapping[Targets, tuple[str, ...]]] = {
    "unet": {
        "attention": _UNET_ATTENTION,
        "linear": _UNET_LINEAR,
        "convolution": (*_UNET_LINEAR, "conv1", "conv2", "conv_shortcut", "conv"),
    },
    "text_encoder": {"attention": _TEXT_ATTENTION, "linear": _TEXT_LINEAR, "convolution": _TEXT_LINEAR},
}
"""By network and `Targets`: how the names of the changed layers end."""


class LoraSettings(Section):
    """LoRA (Hu et al. 2021): small factors are trained beside the weights, which stay as they are."""

    lora_rank: CountOrNone = Field(0, description="rank of the LoRA; 0 trains the whole networks")
    lora_alpha: Positive | None = Field(None, description="the LoRA is scaled by alpha / rank; null: alpha is the rank")
    lora_dropout: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False), NotBool] = Field(
        0.0, description="share of a layer's inputs that its LoRA does not see in training"
    )
    lora_targets: Targets = Field(
        "attention",
        description="layers that get a LoRA. attention: the attention layers; linear: all linear ones too; convolution:"
        " the UNet's convolutions too",
    )
    lora_dora: bool = Field(False, description="DoRA: learns the magnitudes of the weights separately")
    lora_plus_ratio: Positive = Field(
        1.0,
        description="LoRA+: learning rate of a LoRA's second factors over that of the first, usually 4 to 16; 1: one"
        " rate for both",
    )
    lora_max_norm: NotNegative = Field(
        0.0,
        description="largest norm of what the LoRA adds to a layer's weights, usually 1: what is larger is scaled down"
        " after each step; 0: no limit",
    )

    @model_validator(mode="after")
    def _norm_is_the_products(self) -> LoraSettings:
        if self.lora_max_norm > 0.0 and self.lora_dora:
            raise ValueError(
                f"lora_max_norm {self.lora_max_norm:g} limits the product of a LoRA's factors, of which a DoRA takes"
                " the direction alone; remove it, or lora_dora"
            )
        return self
