"""What a model draws of the protocol's prompts for `benchmarks.scoring`, and how it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from dbsweep.models.bundle import StableDiffusion
from dbsweep.sampling.sampler import Image


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


@contextmanager
def fast_unet(models: StableDiffusion) -> Iterator[None]:
    """The UNet computes in bfloat16 where the processor multiplies it; what goes in and comes out is float32."""
    slow = models.unet.forward

    def forward(*arguments: object, **options: object) -> tuple[torch.Tensor, ...]:
        with torch.autocast("cpu", torch.bfloat16, enabled=bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())):
            out: tuple[torch.Tensor, ...] = slow(*arguments, **options)
        return tuple(part.float() for part in out)

    with mock.patch.object(models.unet, "forward", forward):
        yield
