"""Aspect-ratio buckets: the sizes to which photos are cut where they keep their shape."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeAlias

Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""

LARGEST_STEP = 64
"""Pixels between the sides of buckets: the UNet of SD 1 and 2 halves latents of 8 pixels three times."""

PARTS = 8
"""A side of the square has at least so many steps, so that small models have buckets too: 8 pixels at 64."""


def bucket_of(photo: Size, resolution: int) -> Size:
    """The bucket whose shape is nearest to a photo's; ``(resolution, resolution)`` for a square one.

    Nearest in the logarithm of width over height, so that a portrait and the same picture laid on its side are treated
    alike.
    """
    wanted = math.log(photo[0] / photo[1])
    return min(bucket_sizes(resolution), key=lambda size: (abs(math.log(size[0] / size[1]) - wanted), size))


@lru_cache(maxsize=16)
def bucket_sizes(resolution: int) -> tuple[Size, ...]:
    """All buckets: sides from half to twice the resolution in equal steps, as large as the square has pixels for.

    As NovelAI published it (2022, "NovelAI Improvements on Stable Diffusion", aspect ratio bucketing) and kohya's
    scripts do it: for each width the largest height with ``width * height <= resolution²``, and the same lying down.
    """
    step = min(LARGEST_STEP, max(PARTS, resolution // PARTS // 8 * 8))
    widths = range(-(-resolution // 2 // step) * step, 2 * resolution + 1, step)
    tall = {(width, min(resolution**2 // width // step * step, 2 * resolution)) for width in widths}
    tall = {(width, height) for width, height in tall if height >= resolution // 2}
    return tuple(sorted(tall | {(height, width) for width, height in tall} | {(resolution, resolution)}))
