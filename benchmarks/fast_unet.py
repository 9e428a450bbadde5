"""Drawing in bfloat16, for benchmarks that draw more than they train."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import torch

from dbsweep.models.bundle import StableDiffusion


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
