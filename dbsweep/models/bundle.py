"""A loaded Stable Diffusion: its networks, tokenizer and noise schedule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from dbsweep.models.sources import BaseSource


@dataclass(frozen=True)
class StableDiffusion:
    """The parts of one Stable Diffusion 1.x or 2.x; the fields are fixed, the networks' weights may be trained.

    Attributes:
        scheduler_config: diffusers' scheduler configuration as saved with the model.
        source: what it was loaded from.
        sha256: of the values of UNet, text encoder and VAE as loaded (`dbsweep.models.hashes.weights_sha256`).
        text_encoder_sha256: of the values of the text encoder alone, as loaded.
    """

    vae: AutoencoderKL
    unet: UNet2DConditionModel
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    scheduler_config: Mapping[str, object]
    source: BaseSource
    sha256: str
    text_encoder_sha256: str

    @property
    def networks(self) -> dict[str, nn.Module]:
        """UNet, text encoder and VAE by their names in a diffusers folder."""
        return {"unet": self.unet, "text_encoder": self.text_encoder, "vae": self.vae}

    @property
    def prediction_type(self) -> str:
        """What the UNet predicts: ``epsilon`` or ``v_prediction``."""
        return str(self.scheduler_config.get("prediction_type", "epsilon"))

    @property
    def device(self) -> torch.device:
        """Where the UNet is."""
        return torch.device(self.unet.device)

    @property
    def dtype(self) -> torch.dtype:
        """The UNet's dtype."""
        dtype: torch.dtype = self.unet.dtype
        return dtype

    @property
    def latent_factor(self) -> int:
        """Pixels a latent, along one side; 8 for every published Stable Diffusion."""
        return 1 << (len(self.vae.config.block_out_channels) - 1)

    def latent_shape(self, height: int, width: int | None = None) -> tuple[int, int, int]:
        """Channels, height and width of the latents of an image, of a square one without a width; in pixels."""
        width = height if width is None else width
        return int(self.unet.config.in_channels), height // self.latent_factor, width // self.latent_factor

    def to(self, device: torch.device | str) -> StableDiffusion:
        """Moves the networks to the device, in place, and returns this same bundle."""
        for network in self.networks.values():
            network.to(device)
        return self

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Inside, the networks are in evaluation mode and no gradient is recorded; afterwards as before."""
        were_training = [network for network in self.networks.values() if network.training]
        for network in were_training:
            network.eval()
        try:
            with torch.inference_mode():
                yield
        finally:
            for network in were_training:
                network.train()
