"""Requests to images: what is drawn together, in which precision, and what happens when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from dbsweep.config.evaluate import DrawingPrecision
from dbsweep.errors import ResourceError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.device_memory import is_out_of_memory, release_memory
from dbsweep.models.making_room import with_room
from dbsweep.sampling.conditioning import encode_prompts
from dbsweep.sampling.denoising import Image, NotFinite, Work, decode, denoise
from dbsweep.sampling.precision import converted, drawing_dtype
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.tiling import tiled


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
            except NotFinite:
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
        NotFinite: half precision was not enough.
        _NoRoomBesideCopies: for a single image, in another dtype than the leanest.
    """
    try:
        with tiled(models) if requests[0].tiling else nullcontext():
            return with_room(lambda: decode(models, denoise(models, requests, texts, work)))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(requests) == 1 and models.dtype is not leanest:
            raise _NoRoomBesideCopies from error
        if len(requests) == 1:
            size = "{}×{}".format(*requests[0].final_size)
            raise ResourceError(
                f"out of memory while drawing one image of {size}; what helps: a smaller one (all of a sweep's are of "
                "train.resolution), less that training keeps meanwhile (train.optimizer adamw_8bit, train.ema_decay 0, "
                "train.lora_rank 8), or a larger share of a GPU"
            ) from error
    release_memory()  # not in the clause above, where the error keeps the tensors of its frames
    return None
