"""Whether there is memory for what is to be drawn, before it is begun.

A GPU says when it has none left, and less is drawn at once. Linux ends the process that takes the last, or makes the
machine crawl: there what is drawn at once is compared with what is free.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dbsweep.config.figures import apart
from dbsweep.errors import ResourceError
from dbsweep.models.free_memory import free_bytes
from dbsweep.plan.memory.drawing import pass_bytes, pixel_bytes
from dbsweep.plan.memory.training import GIB
from dbsweep.sampling.request import ImageRequest

# torch takes seconds to import: after the checks.
if TYPE_CHECKING:
    from dbsweep.config.evaluate import DrawingPrecision
    from dbsweep.models.bundle import StableDiffusion


def refuse_too_large(
    at_once: Iterable[Sequence[ImageRequest]], models: StableDiffusion, precision: DrawingPrecision
) -> None:
    """ResourceError if on the CPU the largest of the batches takes more than is free, whatever else is needed."""
    from dbsweep.sampling.precision import drawing_dtype

    free = free_bytes() if models.device.type == "cpu" else None
    number_bytes = drawing_dtype(precision, models.device).itemsize

    def needed(batch: Sequence[ImageRequest]) -> int:
        return max(_decoding_bytes(models, batch, number_bytes), _pass_bytes(models, batch, number_bytes))

    batch = max(at_once, key=needed, default=None)
    if free is None or batch is None or needed(batch) <= free:
        return
    fitting = next((count for count in range(len(batch) - 1, 0, -1) if needed(batch[:count]) <= free), None)
    width, height = batch[0].final_size
    what = f"a picture of {width}×{height} pixels"
    if len(batch) > 1:
        what = f"{len(batch)} pictures of {width}×{height} pixels at once"
    takes, has = apart(needed(batch) / GIB, free / GIB, least=1)
    fewer = "" if fitting is None else f"--batch-size {fitting}, "
    raise ResourceError(
        f"drawing {what} takes {takes} GB beside the model, and {has} GB are free: give {fewer}a smaller size or hires"
        " scale, or draw where there is more memory"
    )


def _decoding_bytes(models: StableDiffusion, batch: Sequence[ImageRequest], number_bytes: int) -> int:
    """Of the VAE, which takes as many pictures at once as come to `DECODE_PIXELS`, one at least."""
    from dbsweep.sampling.denoising import DECODE_PIXELS

    pixels = math.prod(batch[0].final_size)
    count = min(len(batch), max(1, DECODE_PIXELS // pixels))
    return pixel_bytes(max(models.vae.config.block_out_channels[:2]), count * pixels, number_bytes)


def _pass_bytes(models: StableDiffusion, batch: Sequence[ImageRequest], number_bytes: int) -> int:
    """Of the UNet, which takes all of a batch at once, in the second pass of a hires fix too."""
    latents = math.prod(side // models.latent_factor for side in batch[0].final_size)
    places = sum(1 + request.is_guided for request in batch)
    return pass_bytes(models.unet.config.block_out_channels[0], places * latents, number_bytes)
