"""What the UNet learns to predict: the noise schedule, the target, and the loss with prior preservation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from diffusers import DDPMScheduler
from torch.nn import functional

from dbsweep.errors import ModelError

DEBIASED_SNR = 1000.0
"""What the SNR counts at most where the loss is debiased."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Mean squared errors of one batch, each a scalar tensor.

    Attributes:
        instance: over the instance images.
        prior: over the class images, one for each instance image; zero where there are none.
    """

    instance: torch.Tensor
    prior: torch.Tensor


class Objective:
    """Denoising at a random timestep (Ho et al. 2020, eq. 14; v-prediction: Salimans & Ho 2022, appendix D).

    Args:
        scheduler_config: as saved with the model.
        device: of the latents.
        min_snr_gamma: caps the weight of timesteps with little noise; 0 weighs all alike.
        debiased: weighs timesteps with little noise less and less, by Yu et al. 2023.

    Raises:
        ModelError: the model predicts neither noise nor velocity.
    """

    def __init__(
        self,
        scheduler_config: Mapping[str, object],
        device: torch.device,
        *,
        min_snr_gamma: float = 0.0,
        debiased: bool = False,
    ) -> None:
        self.prediction_type = str(scheduler_config.get("prediction_type", "epsilon"))
        if self.prediction_type not in ("epsilon", "v_prediction"):
            raise ModelError(
                f"the model's scheduler has prediction_type {self.prediction_type!r};"
                " epsilon and v_prediction can be trained: choose another base model"
            )
        alphas = DDPMScheduler.from_config(dict(scheduler_config)).alphas_cumprod.to(device, torch.float32)
        self._signal, self._sigma = alphas.sqrt(), (1.0 - alphas).sqrt()
        snr = alphas / (1.0 - alphas)
        self._weights: torch.Tensor | None = None
        if min_snr_gamma > 0.0:
            self._weights = self._min_snr(snr, min_snr_gamma)
        elif debiased:
            self._weights = self._debiased(snr)

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

    def weights(self, timesteps: torch.Tensor) -> torch.Tensor | None:
        """Of each image's loss, (n,) float32; None weighs all alike."""
        return None if self._weights is None else self._weights[timesteps]

    def _min_snr(self, snr: torch.Tensor, gamma: float) -> torch.Tensor:
        """Min-SNR-γ (Hang et al. 2023, sec. 3.4): min(SNR, γ) over SNR for ε, over SNR + 1 for v.

        Both weigh x_0's error by min(SNR, γ).
        """
        if self.prediction_type == "epsilon":
            return (gamma / snr).clamp(max=1.0)  # and not min(SNR, γ) / SNR, which is 0 / 0 where nothing but noise is
        return snr.clamp(max=gamma) / (snr + 1.0)

    def _debiased(self, snr: torch.Tensor) -> torch.Tensor:
        """1 / √SNR for ε (Yu et al. 2023, "Debias the training of diffusion models"); 1 / (SNR + 1) for v.

        The paper has none for v: this one, and that SNR counts 1000 at most, are those of kohya's
        ``--debiased_estimation_loss``.
        """
        snr = snr.clamp(max=DEBIASED_SNR)
        return snr.rsqrt() if self.prediction_type == "epsilon" else 1.0 / (snr + 1.0)

    def _levels(self, timesteps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self._signal[timesteps, None, None, None], self._sigma[timesteps, None, None, None]


def losses(
    prediction: torch.Tensor,
    target: torch.Tensor,
    instance_images: int,
    weights: torch.Tensor | None = None,
    pixel_weights: torch.Tensor | None = None,
) -> Losses:
    """Mean squared error of the instance images (first) and of the class images (the rest), in float32.

    Where some instance images have no class image, theirs counts as 0: each image weighs the same in any batch.

    Args:
        weights: of each image, (n,) float32, as `Objective.weights` has them.
        pixel_weights: of the instance images' pixels beside each other, (instance_images, h, w) float32: an image
            weighs the same however much of it they leave.
    """
    halves = slice(None, instance_images), slice(instance_images, None)
    instance, prior = (
        _error(prediction[h].float(), target[h], None if weights is None else weights[h], pixels)
        for h, pixels in zip(halves, (pixel_weights, None), strict=True)
    )
    class_images = len(prediction) - instance_images
    return Losses(instance, prior if class_images == instance_images else prior * (class_images / instance_images))


def _error(
    prediction: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | None, pixels: torch.Tensor | None
) -> torch.Tensor:
    """Mean over all images and values; zero where there are none."""
    if len(prediction) == 0:
        return prediction.new_zeros(())
    if weights is None and pixels is None:
        return functional.mse_loss(prediction, target)
    errors = functional.mse_loss(prediction, target, reduction="none")
    if pixels is None:
        each = errors.mean(dim=(1, 2, 3))
    else:
        each = (pixels * errors.mean(dim=1)).sum(dim=(1, 2)) / pixels.sum(dim=(1, 2))
    return each.mean() if weights is None else (weights * each).mean()
