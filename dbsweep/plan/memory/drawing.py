"""The memory that drawing a checkpoint takes between steps, in the leanest way that the sampler falls back to.

That is one picture at a time, computed by the weights themselves (copies of float32 ones in half precision need less
from 1112 pixels a side on, of SD 1), while on a GPU those who score wait in the host's memory
(`dbsweep.models.making_room`). Gradients are gone by then; moments and average stay, for the steps that follow.
"""

from __future__ import annotations

from dbsweep.plan.memory.sizes import ModelSize
from dbsweep.plan.memory.training import Memory, TrainingMemory

_WIDEST = 3
"""Tensors of the VAE's widest features that are there at once: a residual block's input, its norm's output and what is
activated of that. The UNet's pass over a guided picture takes a third of it, of SD 1 and SD 2."""

_OF_UNET = 24
"""Tensors of the UNet's first features that are there at once: of MiniSD; 26 of SD 1 and SD 2."""

_FLOAT, _HALF = 4, 2


class DrawingMemory(Memory):
    """Bytes of device memory by what they hold, at the fullest moment of drawing one picture.

    Attributes:
        weights, moments, average, reserve: as while training.
        picture: what the VAE makes of its latents on the way, and its copy beside a UNet in half precision.
        scoring: of those who score, where they cannot leave.
    """

    weights: int
    moments: int
    average: int
    picture: int
    scoring: int
    reserve: int


def drawing_memory(
    training: TrainingMemory, size: ModelSize, resolution: int, *, on_gpu: bool, in_half: bool = False
) -> DrawingMemory:
    """What drawing a trial's checkpoints takes.

    Args:
        training: what its training takes.
        resolution: at which all checkpoints are drawn.
        in_half: the UNet is held in half precision (`Train.frozen_in_half`).
    """
    picture = picture_bytes(size, resolution)
    if in_half:
        picture = pixel_bytes(size.vae_features, resolution**2, _HALF) + _HALF * size.vae
    return DrawingMemory(
        weights=training.weights,
        moments=training.moments,
        average=training.average,
        picture=picture,
        scoring=0 if on_gpu else training.scoring,
        reserve=training.reserve,
    )


def picture_bytes(size: ModelSize, resolution: int) -> int:
    """What drawing one square picture makes at most, in float32."""
    return pixel_bytes(size.vae_features, resolution**2)


def pixel_bytes(vae_features: int, pixels: int, number_bytes: int = _FLOAT) -> int:
    """What the VAE makes of a picture on the way.

    Args:
        vae_features: as in `ModelSize`.
        pixels: of the picture.
        number_bytes: of what it computes in.
    """
    return _WIDEST * number_bytes * vae_features * pixels


def pass_bytes(unet_features: int, latents: int, number_bytes: int = _FLOAT) -> int:
    """What the UNet's pass makes on the way, at least.

    Args:
        unet_features: of its first and largest level.
        latents: places of all pictures that it takes at once; guided ones count twice.
        number_bytes: of what it computes in.
    """
    return _OF_UNET * number_bytes * unet_features * latents
