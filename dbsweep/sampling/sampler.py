"""Requests to images: many prompts, seeds and CFG scales in each pass of the UNet."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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
from dbsweep.sampling.precision import converted, drawing_dtype
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.schedulers import make_scheduler

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


class _NotInHalf(Exception):
    """A batch in half precision came out as what is not finite, or the copies leave no memory for a single image."""


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
            in any case. What is not finite in half precision is drawn in float32, and so is all that follows it; all is
            where there is no memory for copies in half precision beside the weights.
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
        drawing = _drawing(models, drawing_dtype(precision, models.device))
        while waiting:
            batch = waiting.pop(0)
            try:
                drawn = _try(drawing, [requests[index] for index in batch], texts, work)
            except _NotInHalf:
                drawing, waiting = converted(models, torch.float32), [batch, *waiting]
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
    return models


def _encode_all(models: StableDiffusion, requests: Sequence[ImageRequest], clip_skip: int) -> dict[str, Tensor]:
    texts = list(dict.fromkeys(text for r in requests for text in (r.prompt, r.negative_prompt)[: 1 + r.is_guided]))
    return dict(zip(texts, encode_prompts(models, texts, clip_skip=clip_skip), strict=True))


def _batches(requests: Sequence[ImageRequest], batch_size: int) -> Iterator[list[int]]:
    """Indices of requests that can share the UNet's passes: same sampler, steps and size."""
    groups: dict[tuple[str, int, int, int], list[int]] = {}
    for index, r in enumerate(requests):
        groups.setdefault((r.sampler, r.num_inference_steps, r.width, r.height), []).append(index)
    for group in groups.values():
        for start in range(0, len(group), batch_size):
            yield group[start : start + batch_size]


def _cut(batches: Sequence[list[int]], largest: int) -> Iterator[list[int]]:
    for batch in batches:
        for start in range(0, len(batch), largest):
            yield batch[start : start + largest]


def _try(
    models: StableDiffusion, requests: Sequence[ImageRequest], texts: Mapping[str, Tensor], work: Work
) -> list[Image] | None:
    """The images of one batch; None if there is no memory for so many.

    Raises:
        _NotInHalf: half precision was not enough.
    """
    try:
        return with_room(lambda: _decode(models, _denoise(models, requests, texts, work)))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(requests) == 1 and models.dtype is not torch.float32:
            raise _NotInHalf from error
        if len(requests) == 1:
            size = f"{requests[0].width}×{requests[0].height}"
            raise ResourceError(
                f"out of memory while drawing one image of {size}; what helps: a smaller one (all of a sweep's are of "
                "train.resolution), less that training keeps meanwhile (train.optimizer adamw_8bit, train.ema_decay 0, "
                "train.lora_rank 8), or a larger share of a GPU"
            ) from error
    release_memory()  # not in the clause above, where the error keeps the tensors of its frames
    return None


def _denoise(
    models: StableDiffusion, requests: Sequence[ImageRequest], texts: Mapping[str, Tensor], work: Work
) -> Tensor:
    """Latents (n, c, h, w) of requests that share sampler, steps and size."""
    scheduler = make_scheduler(requests[0].sampler, models.scheduler_config)
    scheduler.set_timesteps(requests[0].num_inference_steps, device=models.device)
    generators = [torch.Generator("cpu").manual_seed(request.seed) for request in requests]
    takes_noise = "generator" in inspect.signature(scheduler.step).parameters
    options = {"generator": generators} if takes_noise else {}
    guided = torch.tensor([i for i, r in enumerate(requests) if r.is_guided], dtype=torch.long, device=models.device)
    scales = torch.tensor([r.guidance_scale for r in requests if r.is_guided], device=models.device)
    scales = scales[:, None, None, None]
    context, mask = _context(requests, texts)
    context = context.to(models.dtype)

    latents: Tensor = _starting_noise(models, requests[0], generators) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
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


def _context(requests: Sequence[ImageRequest], texts: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    """Text embeddings of all requests, then of the guided ones' negatives; the mask hides padding, if there is any."""
    rows = [texts[r.prompt] for r in requests] + [texts[r.negative_prompt] for r in requests if r.is_guided]
    return pad_rows(rows)


def _starting_noise(models: StableDiffusion, request: ImageRequest, generators: Sequence[torch.Generator]) -> Tensor:
    factor = models.latent_factor
    shape = (models.unet.config.in_channels, request.height // factor, request.width // factor)
    noise = torch.stack([torch.randn(shape, generator=generator) for generator in generators])
    return noise.to(models.device)


def _decode(models: StableDiffusion, latents: Tensor) -> list[Image]:
    pixels = latents.shape[-1] * latents.shape[-2] * models.latent_factor**2
    images: list[Image] = []
    for part in (latents / models.vae.config.scaling_factor).split(max(1, DECODE_PIXELS // pixels)):
        decoded = models.vae.decode(part.to(models.dtype), return_dict=False)[0].float()
        if models.dtype is not torch.float32 and not torch.isfinite(decoded).all():
            raise _NotInHalf
        scaled = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        images.extend(scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy())
    return images
