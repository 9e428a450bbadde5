"""The part of the `train` section that says how the device computes: speed and memory, hardly ever the result."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from dbsweep.config.fields import Section

Memory: TypeAlias = Literal["as_given", "auto"]
Attention: TypeAlias = Literal["auto", "sdpa", "xformers"]


class Compute(Section):
    """How the device computes."""

    precision: Literal["fp32", "fp16", "bf16"] = Field("fp32", description="autocast precision of the forward pass")
    gradient_checkpointing: bool = Field(
        False, description="recompute activations instead of keeping them: slower, less memory"
    )
    memory: Memory = Field(
        "as_given",
        description="as_given changes nothing; auto saves memory by what costs least speed, so that the forecast fits"
        " the device. It keeps precision, optimizer and gradient_checkpointing where the file sets them",
    )
    attention: Attention = Field(
        "auto", description="attention kernel: sdpa is torch's own, xformers needs its package and a GPU; auto is sdpa"
    )
    cuda_graphs: bool = Field(
        True,
        description="launch a GPU's training pass as a whole; not for a LoRA with dropout and gradient_checkpointing",
    )
    deterministic: bool = Field(
        True,
        description="use only GPU kernels that give the same bits every time, as those of a CPU do; false is faster",
    )
    channels_last: bool = Field(
        False, description="use the channels-last memory format for convolutions; hardly ever faster"
    )
    compile: bool = Field(
        False, description="torch.compile of the UNet: costs minutes at the start of a branch, faster afterwards"
    )
