"""Training of the autoencoder on renders: absolute error, edges, two scales, a light KL term."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional as F

from dbsweep.minisd.architecture import new_autoencoder
from dbsweep.minisd.training_loop import LoopPlan, train_loop
from dbsweep.minisd.world import Renders

BATCH: Final = 16
KL_WEIGHT: Final = 1e-4
EDGE_WEIGHT: Final = 1.0
COARSE_WEIGHT: Final = 0.5


def to_tensor(renders: Renders) -> Tensor:
    """Return (n, 64, 64, 3) uint8 renders as (n, 3, 64, 64) float32 in [-1, 1]."""
    return torch.from_numpy(renders.copy()).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def edge_error(drawn: Tensor, real: Tensor) -> Tensor:
    """Return the mean absolute error of the differences between neighbouring pixels."""
    down = (drawn.diff(dim=2) - real.diff(dim=2)).abs().mean()
    across = (drawn.diff(dim=3) - real.diff(dim=3)).abs().mean()
    return down + across


def reconstruction_error(drawn: Tensor, real: Tensor) -> Tensor:
    """Return the loss between (n, 3, h, w) images: pixels, edges and the half-size image."""
    coarse = (F.avg_pool2d(drawn, 2) - F.avg_pool2d(real, 2)).abs().mean()
    return (drawn - real).abs().mean() + EDGE_WEIGHT * edge_error(drawn, real) + COARSE_WEIGHT * coarse


def train_autoencoder(
    renders: Renders,
    plan: LoopPlan,
    folder: Path,
    report: Callable[[str], None],
    on_save: Callable[[nn.ModuleDict], None] | None = None,
    compiled: bool = False,
    stop_after: int | None = None,
) -> AutoencoderKL:
    """Return an autoencoder trained on `renders` by `plan`; resumes from `folder`."""
    torch.manual_seed(plan.seed)
    model = new_autoencoder()

    def reconstruct(images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        posterior = model.encode(images).latent_dist
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        kl = 0.5 * (mean**2 + logvar.exp() - 1.0 - logvar).mean()
        drawn = model.decode(mean + (0.5 * logvar).exp() * noise).sample
        return drawn.float(), kl

    run = torch.compile(reconstruct) if compiled else reconstruct

    def loss(generator: torch.Generator) -> Tensor:
        picks = torch.randint(len(renders), (BATCH,), generator=generator).sort().values.numpy()
        images = to_tensor(renders[picks])
        noise = torch.randn(BATCH, model.config["latent_channels"], 8, 8, generator=generator)
        with torch.autocast("cpu", torch.bfloat16):
            drawn, kl = run(images, noise)
        return reconstruction_error(drawn, images) + KL_WEIGHT * kl

    train_loop(nn.ModuleDict({"vae": model}), loss, plan, folder, report, on_save, stop_after)
    return model
