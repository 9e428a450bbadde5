"""What a model draws of the protocol's prompts for `benchmarks.scoring`, and how it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dbsweep.sampling.denoising import Image


@dataclass(frozen=True)
class Pictures:
    """What one model drew: (n, 64, 64, 3) uint8, all seeds of the first prompt first.

    Attributes:
        evaluations: of the UNet, counted while they were drawn.
    """

    images: Sequence[Image]
    evaluations: int


def read_pictures(file: Path) -> Pictures:
    """What `SweepWork` has drawn."""
    with np.load(file) as arrays:
        return Pictures(list(arrays["images"]), int(arrays["evaluations"]))
