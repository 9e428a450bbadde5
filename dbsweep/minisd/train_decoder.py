"""The second training of the autoencoder: only the decoder, on fixed latents, for sharper edges."""

from __future__ import annotations

from typing import Final

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional as F

from dbsweep.minisd.precision import fast_products
from dbsweep.minisd.train_autoencoder import edge_error, to_tensor
from dbsweep.minisd.train_denoiser import Latents
from dbsweep.minisd.training_loop import LossFn
from dbsweep.minisd.world import Renders

BATCH: Final = 12
"""Pictures a step and worker."""
EDGE_WEIGHT: Final = 0.6
JITTER: Final = 0.08
"""Noise on the latents, in their standard deviations: what the denoiser draws is never exact."""


def decoder_parts(vae: AutoencoderKL) -> nn.ModuleDict:
    """Return what is trained: the decoder and the convolution in front of it."""
    return nn.ModuleDict({"decoder": vae.decoder, "post_quant_conv": vae.post_quant_conv})


def decoder_loss(vae: AutoencoderKL, latents: Latents, renders: Renders, batch: int = BATCH) -> LossFn:
    """Return the loss of one step: absolute error and edges of what is decoded from noisy latents."""
    deviation = 1.0 / vae.config["scaling_factor"]

    def loss(generator: torch.Generator) -> Tensor:
        picks = torch.randint(len(renders), (batch,), generator=generator).sort().values.numpy()
        images = to_tensor(renders[picks]).to(memory_format=torch.channels_last)
        codes = torch.from_numpy(latents[picks]).float()
        codes = codes + JITTER * deviation * torch.randn(codes.shape, generator=generator)
        with fast_products():
            drawn = vae.decode(codes).sample.float()
        error = (drawn - images).abs().mean() + 0.5 * F.mse_loss(drawn, images)
        total: Tensor = error + EDGE_WEIGHT * edge_error(drawn, images)
        return total

    return loss
