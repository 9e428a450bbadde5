"""Requests to images: many prompts, seeds and CFG scales in each pass of the UNet."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dbsweep.config.evaluate import DrawingPrecision
from dbsweep.errors import ResourceError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.device_memory import is_out_of_memory, release_memory
from dbsweep.models.making_room import with_room
from dbsweep.sampling.conditioning import encode_prompts, pad_rows
from dbsweep.sampling.hires import begin_late, encode, enlarge_images, enlarge_latents
from dbsweep.sampling.precision import converted, drawing_dtype
from dbsweep.sampling.request import Hires, ImageRequest
from dbsweep.sampling.schedulers import make_scheduler
from dbsweep.sampling.tiling import tiled
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


class _NotFinite(Exception):
    """A batch in half precision came out as what is not finite."""


class _NoRoomBesideCopies(Exception):
    """Copies in another precision than the weights' leave no memory for a single image."""


def draw(
    models: StableDiffusion,
    requests: Sequence[ImageRequest],
    *,
    batch_size: int = 16,
    clip_skip: int = 1,
    precision: DrawingPrecision = "auto",
    progress: Callable[[int], None] | None = None,
    work: Work | None = None,
) -> list[Image]:
    """Draws every request; the images do not depend on which requests share a batch, up to float rounding.

    Noise comes from a CPU generator of each request's own seed, so images are the same on every device up to
    rounding, and one image is what diffusers' ``StableDiffusionPipeline`` draws with that generator.

    Where memory runs out, the networks that score leave the device first (`with_room`), until they look again.

    Args:
        batch_size: images at once; guided ones take two places in the UNet's batch.
        clip_skip: as in `encode_prompts`.
        precision: of UNet and VAE, as in `evaluate.precision`. Latents, and what the sampler does to them, are float32
            in any case. What is not finite in half precision is drawn in float32, and so is all that follows it. Where
            there is no memory for copies beside the weights, all is drawn in the weights' own precision.
        progress: called with the number of images done so far, after each batch.
        work: where to add what this drawing costs.

    Returns:
        (height, width, 3) uint8 RGB for each request, in their order.

    Raises:
        DbsweepError: a request names an unknown sampler.
        ResourceError: there is no memory for one image; for fewer at once than asked, fewer are drawn at once.
    """
    images: dict[int, Image] = {}
    work = work if work is not None else Work()
    with models.evaluating():
        texts = _encode_all(models, requests, clip_skip)
        waiting = list(_batches(requests, batch_size))
        drawing, leanest = _drawing(models, drawing_dtype(precision, models.device)), models.dtype
        while waiting:
            batch = waiting.pop(0)
            try:
                drawn = _try(drawing, [requests[index] for index in batch], texts, work, leanest)
            except _NotFinite:
                leanest = torch.float32
                drawing, waiting = converted(models, leanest), [batch, *waiting]
                continue
            except _NoRoomBesideCopies:
                drawing, waiting = converted(models, leanest), [batch, *waiting]
                continue
            if drawn is None:
                waiting = list(_cut([batch, *waiting], (len(batch) + 1) // 2))
                continue
            images.update(zip(batch, drawn, strict=True))
            if progress is not None:
                progress(len(images))
    return [images[index] for index in range(len(requests))]


def _drawing(models: StableDiffusion, dtype: torch.dtype) -> StableDiffusion:
    """What draws: copies in the dtype, or the models themselves where there is no memory for copies."""
    try:
        return with_room(lambda: converted(models, dtype))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    release_memory()
    return converted(models, models.dtype)


def _encode_all(models: StableDiffusion, requests: Sequence[ImageRequest], clip_skip: int) -> dict[str, Tensor]:
    texts = list(dict.fromkeys(text for r in requests for text in (r.prompt, r.negative_prompt)[: 1 + r.is_guided]))
    return dict(zip(texts, encode_prompts(models, texts, clip_skip=clip_skip), strict=True))


def _batches(requests: Sequence[ImageRequest], batch_size: int) -> Iterator[list[int]]:
    """Indices of requests that can share the UNet's passes: same sampler, steps, size and what else acts on all."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, request in enumerate(requests):
        groups.setdefault(request.together, []).append(index)
    for group in groups.values():
        for start in range(0, len(group), batch_size):
            yield group[start : start + batch_size]


def _cut(batches: Sequence[list[int]], largest: int) -> Iterator[list[int]]:
    for batch in batches:
        for start in range(0, len(batch), largest):
            yield batch[start : start + largest]


def _try(
    models: StableDiffusion,
    requests: Sequence[ImageRequest],
    texts: Mapping[str, Tensor],
    work: Work,
    leanest: torch.dtype,
) -> list[Image] | None:
    """The images of one batch; None if there is no memory for so many.

    Args:
        leanest: in which networks take least memory beside those that train.

    Raises:
        _NotFinite: half precision was not enough.
        _NoRoomBesideCopies: for a single image, in another dtype than the leanest.
    """
    try:
        with tiled(models) if requests[0].tiling else nullcontext():
            return with_room(lambda: _decode(models, _latents(models, requests, texts, work)))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(requests) == 1 and models.dtype is not leanest:
            raise _NoRoomBesideCopies from error
        if len(requests) == 1:
            size = "{1}×{0}".format(*(side * models.latent_factor for side in _final_size(models, requests[0])))
            raise ResourceError(
                f"out of memory while drawing one image of {size}; what helps: a smaller one (all of a sweep's are of "
                "train.resolution), less that training keeps meanwhile (train.optimizer adamw_8bit, train.ema_decay 0, "
                "train.lora_rank 8), or a larger share of a GPU"
            ) from error
    release_memory()  # not in the clause above, where the error keeps the tensors of its frames
    return None


def _latents(
    models: StableDiffusion, requests: Sequence[ImageRequest], texts: Mapping[str, Tensor], work: Work
) -> Tensor:
    """Latents (n, c, h, w) of requests that can be drawn at once."""
    first, size = requests[0], _size(models, requests[0])
    scheduler = make_scheduler(first.sampler, models.scheduler_config)
    scheduler.set_timesteps(first.num_inference_steps, device=models.device)
    generators = _generators(requests)
    noise = _noise(models, size, generators) * scheduler.init_noise_sigma
    latents = _denoise(models, requests, texts, work, _Way(scheduler, scheduler.timesteps, noise, generators))
    if first.hires is None:
        return latents
    larger = _enlarged(models, latents, first.hires, _final_size(models, first))
    return _denoise(models, requests, texts, work, _second_way(models, requests, larger, first.hires))


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


def _denoise(
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
    images = enlarge_images(_decode(models, latents), hires.upscaler, (height, width))
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


def _decode(models: StableDiffusion, latents: Tensor) -> list[Image]:
    pixels = latents.shape[-1] * latents.shape[-2] * models.latent_factor**2
    images: list[Image] = []
    for part in (latents / models.vae.config.scaling_factor).split(max(1, DECODE_PIXELS // pixels)):
        decoded = models.vae.decode(part.to(models.dtype), return_dict=False)[0].float()
        if models.dtype is not torch.float32 and not torch.isfinite(decoded).all():
            raise _NotFinite
        scaled = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        images.extend(scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy())
    return images
