"""Which kernel computes the UNet's attention."""

from __future__ import annotations

import importlib.util

from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0

from dbsweep.config.compute import Attention
from dbsweep.errors import ResourceError

_INSTEAD = "use train.attention sdpa, which is as fast on current GPUs"


def set_attention(unet: UNet2DConditionModel, attention: Attention) -> None:
    """Sets the kernel; another trial in this process may have left another.

    Raises:
        ResourceError: it cannot run here.
    """
    if attention != "xformers":
        if any(type(processor) is not AttnProcessor2_0 for processor in unet.attn_processors.values()):
            unet.set_attn_processor(AttnProcessor2_0())
        return
    check_xformers(on_gpu=unet.device.type == "cuda")
    try:
        unet.enable_xformers_memory_efficient_attention()  # tries its kernel once
    except (RuntimeError, NotImplementedError, ValueError, ImportError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ResourceError(f"train.attention xformers does not run here ({reason}): {_INSTEAD}") from error


def check_xformers(*, on_gpu: bool) -> None:
    """ResourceError where xformers cannot run for sure: it is not installed, or there is no GPU."""
    if not on_gpu:
        raise ResourceError(f"train.attention xformers needs a GPU, and trials run on the CPU: {_INSTEAD}")
    if importlib.util.find_spec("xformers") is None:
        raise ResourceError(
            f"train.attention xformers needs the package xformers, which is not installed: "
            f"pip install 'dbsweep[xformers]', or {_INSTEAD}"
        )
