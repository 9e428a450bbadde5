"""A batch of requests becomes latents, and latents pictures: passes of the UNet, guidance, a second pass, the VAE."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dbsweep.models.bundle import StableDiffusion
from dbsweep.sampling.conditioning import pad_rows
from dbsweep.sampling.hires import begin_late, encode, enlarge_images, enlarge_latents
from dbsweep.sampling.request import Hires, ImageRequest
from dbsweep.sampling.schedulers import make_scheduler
from dbsweep.sampling.upscalers import OF_LATENTS

Image = npt.NDArray[np.uint8]

DECODE_PIXELS = 4 * 512 * 512
"""Pixels that the VAE decodes at once: its activations at full resolution are the peak of memory."""


@dataclass
class Work:
    """What a drawing has cost, added up over calls.

    Attributes:
        unet_calls: forward passes of the UNet, of whatever batch size.
        unet_evaluations: images through the UNet; a guided image counts twice a step.
    """

    unet_calls: int = 0
    unet_evaluations: int = 0


class NotFinite(Exception):
    """A batch in half precision came out as what is not finite."""


def denoise(
    models: StableDiffusion, requests: Sequence[ImageRequest], texts: Mapping[str, Tensor], work: Work
) -> Tensor:
    """Latents (n, c, h, w) float32 of requests that can be drawn at once.

    Args:
        texts: what the text encoder makes of every prompt, (tokens, d) each.
        work: where to add what it costs.
    """
    first, size = requests[0], _size(models, requests[0])
    scheduler = make_scheduler(first.sampler, models.scheduler_config)
    scheduler.set_timesteps(first.num_inference_steps, device=models.device)
    generators = _generators(requests)
    noise = _noise(models, size, generators) * scheduler.init_noise_sigma
    latents = _go_through(models, requests, texts, work, _Way(scheduler, scheduler.timesteps, noise, generators))
    if first.hires is None:
        return latents
    larger = _enlarged(models, latents, first.hires, _final_size(models, first))
    return _go_through(models, requests, texts, work, _second_way(models, requests, larger, first.hires))


@dataclass(frozen=True)
class _Way:
    """How noise becomes pictures.

    Attributes:
        timesteps: those of the scheduler that are gone through.
        latents: (n, c, h, w) at the first of them.
        generators: of each picture, for the noise that its sampler adds.
    """

    scheduler: Any
    timesteps: Tensor
    latents: Tensor
    generators: list[torch.Generator]


def _second_way(models: StableDiffusion, requests: Sequence[ImageRequest], latents: Tensor, hires: Hires) -> _Way:
    """That of a second pass: as A1111 does, from the same seeds anew."""
    steps, total = hires.passes(requests[0].num_inference_steps)
    scheduler = make_scheduler(requests[0].sampler, models.scheduler_config)
    scheduler.set_timesteps(total, device=models.device)
    timesteps = begin_late(scheduler, steps, total)
    generators = _generators(requests)
    noise = _noise(models, (latents.shape[-2], latents.shape[-1]), generators)
    noisy = scheduler.add_noise(latents, noise, timesteps[:1].expand(len(latents)))
    return _Way(scheduler, timesteps, noisy, generators)


def _go_through(
    models: StableDiffusion, requests: Sequence[ImageRequest], texts: Mapping[str, Tensor], work: Work, way: _Way
) -> Tensor:
    scheduler, latents = way.scheduler, way.latents
    takes_noise = "generator" in inspect.signature(scheduler.step).parameters
    options = {"generator": way.generators} if takes_noise else {}
    guided = torch.tensor([i for i, r in enumerate(requests) if r.is_guided], dtype=torch.long, device=models.device)
    scales = torch.tensor([r.guidance_scale for r in requests if r.is_guided], device=models.device)
    scales = scales[:, None, None, None]
    context, mask = _context(requests, texts)
    context = context.to(models.dtype)

    for timestep in way.timesteps:
        inputs = scheduler.scale_model_input(latents, timestep)
        inputs = torch.cat([inputs, inputs[guided]]).to(models.dtype)
        output = models.unet(
            inputs, timestep, encoder_hidden_states=context, encoder_attention_mask=mask, return_dict=False
        )[0].float()
        prediction, without = output[: len(requests)], output[len(requests) :]
        prediction[guided] = without + scales * (prediction[guided] - without)
        latents = scheduler.step(prediction, timestep, latents, return_dict=False, **options)[0]
        work.unet_calls += 1
        work.unet_evaluations += len(inputs)
    return latents


def _enlarged(models: StableDiffusion, latents: Tensor, hires: Hires, size: tuple[int, int]) -> Tensor:
    if hires.upscaler in OF_LATENTS:
        return enlarge_latents(latents, hires.upscaler, size)
    height, width = (side * models.latent_factor for side in size)
    images = enlarge_images(decode(models, latents), hires.upscaler, (height, width))
    parts = torch.split(images, max(1, DECODE_PIXELS // (height * width)))
    return torch.cat([encode(models, part) for part in parts])


def _context(requests: Sequence[ImageRequest], texts: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    """Text embeddings of all requests, then of the guided ones' negatives; the mask hides padding, if there is any."""
    rows = [texts[r.prompt] for r in requests] + [texts[r.negative_prompt] for r in requests if r.is_guided]
    return pad_rows(rows)


def _size(models: StableDiffusion, request: ImageRequest) -> tuple[int, int]:
    """Height and width of the first pass, in latents."""
    return request.height // models.latent_factor, request.width // models.latent_factor


def _final_size(models: StableDiffusion, request: ImageRequest) -> tuple[int, int]:
    """Height and width of the picture, in latents."""
    width, height = request.final_size
    return height // models.latent_factor, width // models.latent_factor


def _generators(requests: Sequence[ImageRequest]) -> list[torch.Generator]:
    return [torch.Generator("cpu").manual_seed(request.seed) for request in requests]


def _noise(models: StableDiffusion, size: tuple[int, int], generators: Sequence[torch.Generator]) -> Tensor:
    shape = (models.unet.config.in_channels, *size)
    noise = torch.stack([torch.randn(shape, generator=generator) for generator in generators])
    return noise.to(models.device)


def decode(models: StableDiffusion, latents: Tensor) -> list[Image]:
    """Pictures (h, w, 3) uint8 RGB of latents (n, c, h, w).

    Raises:
        NotFinite: half precision was not enough.
    """
    pixels = latents.shape[-1] * latents.shape[-2] * models.latent_factor**2
    images: list[Image] = []
    for part in (latents / models.vae.config.scaling_factor).split(max(1, DECODE_PIXELS // pixels)):
        decoded = models.vae.decode(part.to(models.dtype), return_dict=False)[0].float()
        if models.dtype is not torch.float32 and not torch.isfinite(decoded).all():
            raise NotFinite
        scaled = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        images.extend(scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy())
    return images
