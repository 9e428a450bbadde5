"""Whether there is memory for what is to be drawn, before it is begun.

A GPU says when it has none left, and less is drawn at once. Linux ends the process that takes the last, or makes the
machine crawl: there the largest picture is compared with what is free.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dbsweep.errors import ResourceError
from dbsweep.models.free_memory import free_bytes
from dbsweep.plan.memory.drawing import pixel_bytes
from dbsweep.plan.memory.forecast import gigabytes
from dbsweep.sampling.request import Picture

# torch takes seconds to import: after the checks.
if TYPE_CHECKING:
    from dbsweep.config.evaluate import DrawingPrecision
    from dbsweep.models.bundle import StableDiffusion


def refuse_too_large(pictures: Iterable[Picture], models: StableDiffusion, precision: DrawingPrecision) -> None:
    """ResourceError if on the CPU the largest picture takes more than is free, drawn alone, whatever else is needed."""
    from dbsweep.sampling.precision import drawing_dtype

    sizes = [picture.request.final_size for picture in pictures]
    free = free_bytes() if models.device.type == "cpu" else None
    if free is None or not sizes:
        return
    width, height = max(sizes, key=math.prod)
    features = max(models.vae.config.block_out_channels[:2])
    needed = pixel_bytes(features, width * height, drawing_dtype(precision, models.device).itemsize)
    if needed > free:
        raise ResourceError(
            f"drawing a picture of {width}×{height} pixels takes {gigabytes(needed)} beside the model, and"
            f" {gigabytes(free)} are free: give a smaller size or hires scale, or draw where there is more memory"
        )
