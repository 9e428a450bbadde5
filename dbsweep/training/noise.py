"""The noise of each training image, decided by its counters alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from dbsweep.training.randomness import Purpose, generator

Counters = tuple[int, int, int]
"""Epoch, instance image, half: 0 for the instance image, 1 for its class image."""


@dataclass(frozen=True, slots=True)
class NoiseSource:
    """Normal draws for latents, and the noise that the UNet sees and predicts.

    Attributes:
        offset: strength of noise that is one value for each channel (N. Guttenberg 2023, "Diffusion with offset
            noise"), as in diffusers' ``--noise_offset``.
        multires_iterations: so many sizes of noise are added, each coarser (J. Whitaker 2023, "Multi-resolution noise
            for diffusion model training"), as in kohya's ``--multires_noise_iterations``; 0 adds none.
        multires_discount: strength of each size beside the one before.
        perturbation: strength of further noise that the UNet sees and does not predict (Ning et al. 2023, "Input
            perturbation reduces exposure bias", algorithm 1), as in diffusers' ``--input_perturbation``.
    """

    seed: int
    offset: float = 0.0
    multires_iterations: int = 0
    multires_discount: float = 0.3
    perturbation: float = 0.0

    def normal(self, purpose: Purpose, counters: Counters, shape: Sequence[int]) -> torch.Tensor:
        """Standard normal float32."""
        draw = generator(self.seed, purpose, *counters).standard_normal(tuple(shape), dtype=np.float32)
        return torch.from_numpy(draw)

    def predicted(self, counters: Counters, shape: Sequence[int]) -> torch.Tensor:
        """The noise that is to be predicted, of shape (c, h, w)."""
        noise = self.normal(Purpose.NOISE, counters, shape)
        if self.offset > 0.0:
            noise = noise + self.offset * self.normal(Purpose.NOISE_OFFSET, counters, (shape[0], 1, 1))
        return noise if self.multires_iterations == 0 else self._with_coarser(noise, counters)

    def seen(self, predicted: torch.Tensor, counters: Counters) -> torch.Tensor:
        """The noise that is laid on the latent."""
        if self.perturbation == 0.0:
            return predicted
        return predicted + self.perturbation * self.normal(Purpose.PERTURBATION, counters, predicted.shape)

    def _with_coarser(self, noise: torch.Tensor, counters: Counters) -> torch.Tensor:
        """ε + Σ discountⁱ · noise of 1 / rⁱ of the sides, enlarged, over the deviation of all; r in 2 to 4, by level.

        kohya's scripts draw r, and take the deviation, once for a batch: here an image's noise must not depend on its
        neighbours'.
        """
        draws = generator(self.seed, Purpose.MULTIRES, *counters)
        channels, height, width = noise.shape
        for level in range(self.multires_iterations):
            ratio = (2.0 + 2.0 * draws.random()) ** level
            size = max(1, int(height / ratio)), max(1, int(width / ratio))
            coarse = torch.from_numpy(draws.standard_normal((1, channels, *size), dtype=np.float32))
            enlarged = functional.interpolate(coarse, size=(height, width), mode="bilinear")[0]
            noise = noise + self.multires_discount**level * enlarged
            if 1 in size:
                break
        return noise / noise.std()
