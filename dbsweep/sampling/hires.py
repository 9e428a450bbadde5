"""A1111's "Hires. fix": a picture drawn small is enlarged, and its end is drawn again in the larger size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from dbsweep.models.bundle import StableDiffusion
from dbsweep.sampling.upscalers import OF_IMAGES, OF_LATENTS


def enlarge_latents(latents: Tensor, upscaler: str, size: tuple[int, int]) -> Tensor:
    """Latents (n, c, h, w) at another size (height, width)."""
    mode, antialias = OF_LATENTS[upscaler]
    return torch.nn.functional.interpolate(latents, size=size, mode=mode, antialias=antialias)


def enlarge_images(images: Sequence[npt.NDArray[np.uint8]], upscaler: str, size: tuple[int, int]) -> Tensor:
    """(height, width, 3) uint8 pictures as (n, 3, height, width) float32 in [-1, 1], of that size (height, width)."""
    resampling = OF_IMAGES[upscaler]
    larger = [np.asarray(Image.fromarray(image).resize(size[::-1], resampling)) for image in images]
    return torch.from_numpy(np.stack(larger)).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def encode(models: StableDiffusion, pixels: Tensor) -> Tensor:
    """Latents of pictures as `enlarge_images` makes them, float32: the VAE's means, so that no chance is in them."""
    batch = pixels.to(models.device, models.dtype)
    latents: Tensor = models.vae.encode(batch).latent_dist.mean.float() * models.vae.config.scaling_factor
    return latents


def begin_late(scheduler: Any, steps: int, total: int) -> Tensor:  # noqa: ANN401  # untyped in diffusers
    """The timesteps of the last of ``total`` steps, for a scheduler that has been set to so many.

    As diffusers' ``StableDiffusionImg2ImgPipeline`` takes them, but for two samplers that remember steps: LMS would
    weigh steps that were not taken, and PLMS, which takes its second timestep twice, would be a step behind.
    """
    start = (total - steps) * scheduler.order
    timesteps: Tensor = scheduler.timesteps
    match type(scheduler).__name__:
        case "LMSDiscreteScheduler":
            scheduler.sigmas, scheduler.timesteps = scheduler.sigmas[start:], timesteps[start:]
            return scheduler.timesteps  # type: ignore[no-any-return]
        case "PNDMScheduler":
            once = torch.cat([timesteps[:1], timesteps[2:]])[start:]
            return torch.cat([once[:2], once[1:2], once[2:]])
    if start > 0 and hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(start)
    return timesteps[start:]
