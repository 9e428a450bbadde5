"""Drawing in half precision: copies of the networks for as long as is drawn, beside the float32 weights that train."""

from __future__ import annotations

import copy
import dataclasses

import torch
from torch import nn

from dbsweep.config.evaluate import DrawingPrecision
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.precision import Precision

_HALF_SINCE = (7, 0)
"""Compute capability of the first GPUs (Volta) that multiply float16 faster than float32."""


def drawing_dtype(precision: DrawingPrecision, device: torch.device) -> torch.dtype:
    """What UNet and VAE compute in; ``auto`` is float16, as other programs draw, where the device is fast at it.

    float16 has eight times the resolution of bfloat16, and a batch that leaves its range is drawn again in float32.
    """
    if precision != "auto":
        return Precision(precision).dtype
    is_fast = device.type == "cuda" and torch.cuda.get_device_capability(device) >= _HALF_SINCE
    return torch.float16 if is_fast else torch.float32


def converted(models: StableDiffusion, dtype: torch.dtype) -> StableDiffusion:
    """The models with copies of UNet and VAE in another dtype; the same models where they have it already.

    Weights that have it are not copied, such as those that a LoRA in training holds in half precision. The text encoder
    stays as it is: prompts are few, and what it makes of them is converted.
    """
    if all(each.dtype is dtype for network in (models.unet, models.vae) for each in network.parameters()):
        return models
    return dataclasses.replace(models, unet=_copy(models.unet, dtype), vae=_copy(models.vae, dtype))


def _copy(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy of a network, of which no float32 copy is ever made."""
    made: dict[int, object] = {}  # what `copy` takes for copied already
    for parameter in network.parameters():
        made[id(parameter)] = nn.Parameter(parameter.detach().to(dtype), requires_grad=False)
    for buffer in network.buffers():
        made[id(buffer)] = buffer.to(dtype) if buffer.is_floating_point() else buffer
    return copy.deepcopy(network, made)
