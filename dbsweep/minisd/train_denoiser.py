"""The loss of the denoiser, on cached latents and fresh captions."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPTextModel, CLIPTokenizer

from dbsweep.minisd.architecture import new_scheduler
from dbsweep.minisd.captions import training_caption
from dbsweep.minisd.precision import fast_products
from dbsweep.minisd.train_autoencoder import to_tensor
from dbsweep.minisd.training_loop import LossFn
from dbsweep.minisd.world import Renders, Sample

BATCH: Final = 32
"""Noisy latents a step and worker."""
EMPTY_SHARE: Final = 0.1
"""Share of empty captions, for classifier-free guidance."""
EMPHASIS: Final = 4.0
"""How much likelier a caption that names a beard is trained on: few pictures have one, and it is small."""
SNR_GAMMA: Final = 5.0
"""Cap of the signal-to-noise weighting of the loss (Hang et al. 2023, Min-SNR, eq. 10)."""

Latents = NDArray[np.float16]
"""(n, 8, 8, 8) float16: the means of the latents, before the scaling factor."""


@dataclass(frozen=True)
class DenoiserData:
    """What the denoiser is trained on: latents scaled to unit variance, and what each of them shows."""

    latents: Latents
    scaling_factor: float
    samples: list[Sample]


@torch.no_grad()
def encode_renders(vae: AutoencoderKL, renders: Renders, path: Path, report: Callable[[str], None]) -> Latents:
    """Return the latent means of `renders`, from `path` if they were encoded before."""
    if not path.exists():
        parts = []
        for start in range(0, len(renders), 256):
            with fast_products():
                mean = vae.encode(to_tensor(renders[start : start + 256])).latent_dist.mean
            parts.append(mean.half().numpy())
            if start % 8192 == 0:
                report(f"latents: {start}/{len(renders)}")
        partial = path.with_suffix(".partial.npy")
        np.save(partial, np.concatenate(parts))
        os.replace(partial, path)
    latents: Latents = np.load(path)
    return latents


def scaling_factor(latents: Latents) -> float:
    """Return what brings `latents` to unit standard deviation, as SD's `scaling_factor` does."""
    return float(1.0 / latents[:8192].astype(np.float32).std())


def snr_weights(timesteps: Tensor, alphas_cumprod: Tensor) -> Tensor:
    """Return min(SNR, gamma) / SNR of each timestep: the Min-SNR weight for noise prediction."""
    alpha = alphas_cumprod[timesteps]
    snr = alpha / (1 - alpha)
    return snr.clamp(max=SNR_GAMMA) / snr


def draw_pairs(samples: list[Sample], batch: int, generator: torch.Generator) -> tuple[Tensor, list[str]]:
    """Draw a batch of pictures with fresh captions, a tenth of them empty.

    Of twice as many pairs, those whose caption names what is hard to learn are kept more often. As that depends on the
    caption alone, what a caption means stays the same.

    Returns:
        The numbers of the samples, (batch,) int64, and their captions.
    """
    picks = torch.randint(len(samples), (2 * batch,), generator=generator)
    rng = np.random.default_rng(int(torch.randint(1 << 62, (1,), generator=generator)))
    captions = [None if rng.random() < EMPTY_SHARE else training_caption(samples[int(i)], rng) for i in picks]
    odds = torch.tensor([EMPHASIS if caption is not None and "beard" in caption.named else 1.0 for caption in captions])
    kept = torch.multinomial(odds, batch, generator=generator)
    return picks[kept], ["" if (caption := captions[int(i)]) is None else caption.text for i in kept]


def denoiser_loss(
    unet: UNet2DConditionModel,
    text_encoder: CLIPTextModel,
    data: DenoiserData,
    tokenizer: CLIPTokenizer,
    batch: int = BATCH,
) -> LossFn:
    """Return the loss of one step: the error of the predicted noise by Min-SNR; the text encoder is frozen."""
    scheduler = new_scheduler()

    def loss(generator: torch.Generator) -> Tensor:
        picks, texts = draw_pairs(data.samples, batch, generator)
        latents = torch.from_numpy(data.latents[picks.numpy()]).float() * data.scaling_factor
        noise = torch.randn(latents.shape, generator=generator)
        timesteps = torch.randint(scheduler.config["num_train_timesteps"], (batch,), generator=generator)
        ids = tokenizer(texts, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        noisy = scheduler.add_noise(latents, noise, timesteps).to(memory_format=torch.channels_last)
        # On a CPU the backward pass of the fused attention takes longer than the rest of the network.
        with fast_products(), sdpa_kernel(SDPBackend.MATH):
            with torch.no_grad():
                states = text_encoder(ids).last_hidden_state
            predicted = unet(noisy, timesteps, states).sample
        error = (predicted.float() - noise).pow(2).mean(dim=(1, 2, 3))
        weighted: Tensor = (error * snr_weights(timesteps, scheduler.alphas_cumprod)).mean()
        return weighted

    return loss
