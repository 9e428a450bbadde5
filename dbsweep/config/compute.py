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
    gradient_checkpointing: bool = Field(False, description="recompute activations: slower, less memory")
    memory: Memory = Field(
        "as_given",
        description="auto saves memory by what costs least speed, so that the forecast fits the device; precision,"
        " optimizer and gradient_checkpointing stay where the file has them",
    )
    attention: Attention = Field(
        "auto", description="kernel: sdpa is torch's own, xformers needs its package and a GPU; auto is sdpa"
    )
    cuda_graphs: bool = Field(
        True, description="launch a GPU's training pass as a whole; not where a LoRA with dropout recomputes"
    )
    deterministic: bool = Field(
        True, description="a GPU takes only kernels that give the same bits every time, as a CPU's do; false is faster"
    )
    channels_last: bool = Field(False, description="convolutions on channels-last tensors; hardly ever faster")
    compile: bool = Field(False, description="torch.compile of the UNet: minutes at the start of a branch, then faster")
