"""What the UNet learns to predict: the noise schedule, the target, and the loss with prior preservation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from diffusers import DDPMScheduler
from torch.nn import functional

from dbsweep.errors import ModelError


@dataclass(frozen=True, slots=True)
class Losses:
    """Mean squared errors of one batch, each a scalar tensor.

    Attributes:
        instance: over the instance images.
        prior: over the class images; zero where there are none.
    """

    instance: torch.Tensor
    prior: torch.Tensor


class Objective:
    """Denoising at a random timestep (Ho et al. 2020, eq. 14; v-prediction: Salimans & Ho 2022, appendix D).

    Args:
        scheduler_config: as saved with the model.
        device: of the latents.

    Raises:
        ModelError: the model predicts neither noise nor velocity.
    """

    def __init__(self, scheduler_config: Mapping[str, object], device: torch.device) -> None:
        self.prediction_type = str(scheduler_config.get("prediction_type", "epsilon"))
        if self.prediction_type not in ("epsilon", "v_prediction"):
            raise ModelError(
                f"the model's scheduler has prediction_type {self.prediction_type!r};"
                " epsilon and v_prediction can be trained: choose another base model"
            )
        alphas = DDPMScheduler.from_config(dict(scheduler_config)).alphas_cumprod.to(device, torch.float32)
        self._signal, self._sigma = alphas.sqrt(), (1.0 - alphas).sqrt()

    @property
    def timesteps(self) -> int:
        """How many timesteps there are; one is drawn from ``0 … timesteps - 1``."""
        return len(self._signal)

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε for (n, c, h, w) latents and (n,) timesteps."""
        signal, sigma = self._levels(timesteps)
        return signal * latents + sigma * noise

    def target(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """What the UNet should predict: ε, or v = √ᾱ_t ε - √(1 - ᾱ_t) x_0."""
        if self.prediction_type == "epsilon":
            return noise
        signal, sigma = self._levels(timesteps)
        return signal * noise - sigma * latents

    def _levels(self, timesteps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self._signal[timesteps, None, None, None], self._sigma[timesteps, None, None, None]


def losses(prediction: torch.Tensor, target: torch.Tensor, instance_images: int) -> Losses:
    """Mean squared error of the instance images (first) and of the class images (the rest), in float32."""
    instance = functional.mse_loss(prediction[:instance_images].float(), target[:instance_images])
    if len(prediction) == instance_images:
        return Losses(instance, torch.zeros_like(instance))
    return Losses(instance, functional.mse_loss(prediction[instance_images:].float(), target[instance_images:]))
