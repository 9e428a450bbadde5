"""The noise of each training image, decided by its counters alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from dbsweep.training.randomness import Purpose, generator

Counters = tuple[int, int, int]
"""Epoch, instance image, half: 0 for the instance image, 1 for its class image."""


@dataclass(frozen=True, slots=True)
class NoiseSource:
    """Normal draws for latents, and the noise that the UNet sees and predicts.

    Attributes:
        offset: strength of noise that is one value for each channel (N. Guttenberg 2023, "Diffusion with offset
            noise"), as in diffusers' ``--noise_offset``.
        perturbation: strength of further noise that the UNet sees and does not predict (Ning et al. 2023, "Input
            perturbation reduces exposure bias", algorithm 1), as in diffusers' ``--input_perturbation``.
    """

    seed: int
    offset: float = 0.0
    perturbation: float = 0.0

    def normal(self, purpose: Purpose, counters: Counters, shape: Sequence[int]) -> torch.Tensor:
        """Standard normal float32."""
        draw = generator(self.seed, purpose, *counters).standard_normal(tuple(shape), dtype=np.float32)
        return torch.from_numpy(draw)

    def predicted(self, counters: Counters, shape: Sequence[int]) -> torch.Tensor:
        """The noise that is to be predicted, of shape (c, h, w)."""
        noise = self.normal(Purpose.NOISE, counters, shape)
        if self.offset == 0.0:
            return noise
        return noise + self.offset * self.normal(Purpose.NOISE_OFFSET, counters, (shape[0], 1, 1))

    def seen(self, predicted: torch.Tensor, counters: Counters) -> torch.Tensor:
        """The noise that is laid on the latent."""
        if self.perturbation == 0.0:
            return predicted
        return predicted + self.perturbation * self.normal(Purpose.PERTURBATION, counters, predicted.shape)
