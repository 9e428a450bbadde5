"""What the tests of this room draw, and how far two pictures are apart."""

from __future__ import annotations

import numpy as np

from dbsweep.sampling.denoising import Image
from dbsweep.sampling.request import ImageRequest

REQUEST = ImageRequest(
    "photo of ohwx man", "red hair", seed=7, num_inference_steps=5, sampler="Euler", width=64, height=64
)
# One level of 255, where float rounding crosses a half.
ROUNDING = 1


def furthest(first: Image, second: Image) -> int:
    """Largest difference of two images in levels of 255."""
    return int(np.abs(first.astype(int) - second.astype(int)).max())
