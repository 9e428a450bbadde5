"""Pictures whose opposite edges join: convolutions that look across an edge see the opposite one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from dbsweep.models.bundle import StableDiffusion


@contextmanager
def tiled(models: StableDiffusion) -> Iterator[None]:
    """Inside, UNet and VAE pad circularly, as A1111's "Tiling" has them; afterwards as before."""
    layers = [layer for network in (models.unet, models.vae) for layer in network.modules()]
    modes = {layer: layer.padding_mode for layer in layers if isinstance(layer, nn.Conv2d)}
    try:
        for layer in modes:
            layer.padding_mode = "circular"
        yield
    finally:
        for layer, mode in modes.items():
            layer.padding_mode = mode
