"""The loss of the autoencoder on renders: absolute and squared error, edges, a light KL term."""

from __future__ import annotations

from typing import Final

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional as F

from dbsweep.minisd.precision import fast_products
from dbsweep.minisd.training_loop import LossFn
from dbsweep.minisd.world import Renders

BATCH: Final = 12
"""Images a step and worker."""
KL_WEIGHT: Final = 1e-4
SQUARE_WEIGHT: Final = 2.0
"""Of the squared error, which finds the colours early; the absolute error sharpens late."""
EDGE_WEIGHT: Final = 0.4


def to_tensor(renders: Renders) -> Tensor:
    """Return (n, 64, 64, 3) uint8 renders as (n, 3, 64, 64) float32 in [-1, 1]."""
    return torch.from_numpy(renders.copy()).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def edge_error(drawn: Tensor, real: Tensor) -> Tensor:
    """Return the mean absolute error of the differences between neighbouring pixels."""
    down = (drawn.diff(dim=2) - real.diff(dim=2)).abs().mean()
    across = (drawn.diff(dim=3) - real.diff(dim=3)).abs().mean()
    return down + across


def reconstruction_error(drawn: Tensor, real: Tensor) -> Tensor:
    """Return the loss between (n, 3, h, w) images: absolute and squared errors of pixels, and edges."""
    error = (drawn - real).abs().mean() + SQUARE_WEIGHT * F.mse_loss(drawn, real)
    return error + EDGE_WEIGHT * edge_error(drawn, real)


def autoencoder_loss(model: AutoencoderKL, renders: Renders, batch: int = BATCH) -> LossFn:
    """Return the loss of one step: reconstruction from a sampled latent, and the KL term."""

    def loss(generator: torch.Generator) -> Tensor:
        picks = torch.randint(len(renders), (batch,), generator=generator).sort().values.numpy()
        images = to_tensor(renders[picks]).to(memory_format=torch.channels_last)
        with fast_products():
            posterior = model.encode(images).latent_dist
            mean, logvar = posterior.mean.float(), posterior.logvar.float()
            noise = torch.randn(mean.shape, generator=generator)
            drawn = model.decode(mean + (0.5 * logvar).exp() * noise).sample
        kl = 0.5 * (mean**2 + logvar.exp() - 1.0 - logvar).mean()
        total: Tensor = reconstruction_error(drawn.float(), images) + KL_WEIGHT * kl
        return total

    return loss
