"""torch.compile of the UNet's training pass, and the layout of its tensors."""

from __future__ import annotations

import importlib.util
import shutil
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from diffusers import UNet2DConditionModel

from dbsweep.config.compute import Compute
from dbsweep.errors import ResourceError

Denoiser: TypeAlias = Callable[..., Any]
"""The UNet as training calls it."""

BACKEND = "inductor"
"""torch's compiler."""

_CPU_COMPILERS = ("g++", "clang++", "c++")


def denoiser(unet: UNet2DConditionModel, compute: Compute) -> Denoiser:
    """The UNet as training calls it: compiled where the settings ask for it, its tensors in the layout they ask for.

    The network itself stays as it is: drawing, whose batches have other sizes, does not wait for a compiler, and names
    and values of the weights are those of the plain network.

    Raises:
        ResourceError: there is no compiler.
    """
    unet.to(memory_format=torch.channels_last if compute.channels_last else torch.contiguous_format)
    if not compute.compile:
        plain: Denoiser = unet
        return plain
    _check_compiler(unet.device.type)
    # The compiler looks at the gradient of every input, that of the prompts' encodings among them, and is warned.
    warnings.filterwarnings("ignore", message="The .grad attribute of a Tensor that is not a leaf")
    compiled: Denoiser = torch.compile(unet, backend=BACKEND)
    return compiled


def _check_compiler(device: str) -> None:
    if device == "cuda":
        if importlib.util.find_spec("triton") is None:
            raise ResourceError("train.compile needs the package triton on a GPU, which is not installed: leave it out")
    elif not any(map(shutil.which, _CPU_COMPILERS)):
        raise ResourceError(
            f"train.compile needs a C++ compiler on the CPU ({', '.join(_CPU_COMPILERS)}), and none is installed:"
            " install one, or leave it out"
        )
