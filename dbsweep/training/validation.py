"""How well a model predicts noise on photos that it was not trained with: the same noise at every checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from dbsweep.concepts.captions import Caption
from dbsweep.concepts.latents import LatentMoments
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.making_room import with_room
from dbsweep.training.conditioning import PromptEncoder
from dbsweep.training.objective import Objective
from dbsweep.training.randomness import Purpose, generator

DRAWS = 4
"""Samples of the loss for each photo."""

LEVELS = 4
"""Timesteps in a sample. The draws of a photo take turns, so that together they cover the schedule evenly."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The held-out photos of one concept.

    Attributes:
        latents: of each photo.
        captions: what each would have been trained with.
    """

    latents: LatentMoments
    captions: tuple[Caption, ...]


@torch.no_grad()
def validation_losses(
    models: StableDiffusion, concepts: Sequence[HeldOut], *, seed: int, clip_skip: int = 1
) -> tuple[float, ...]:
    """Mean squared errors of the predicted noise (or velocity), unweighted, `DRAWS` a photo.

    0 = all noise is told, about 1 = none of it, as its variance is 1; not bounded above, smaller is better. It is the
    training loss of Ho et al. 2020 (DDPM, equation 14) on photos that are not trained, at noise and timesteps that
    stay, as Voronov et al. 2023 ("Is This Loss Informative?") hold theirs.

    Noise and timesteps depend on (seed, photo, draw) alone, and latents are the means of their posteriors, so two
    checkpoints of any training differ by their weights alone.

    Args:
        models: as they stand, LoRA included; they are left in evaluation mode.
        seed: of the evaluation, not of the training.
        clip_skip: as in training.

    Returns:
        For each photo of each concept its draws, in order.
    """
    models.unet.eval()
    models.text_encoder.eval()
    objective = Objective(models.scheduler_config, models.device)
    prompts = PromptEncoder(models.text_encoder, models.tokenizer, clip_skip=clip_skip)
    prompts.freeze()
    photos = [
        (mean, caption.text())
        for concept in concepts
        for mean, caption in zip(concept.latents.mean, concept.captions, strict=True)
    ]
    scale = models.vae.config.scaling_factor
    return tuple(
        _loss(models, objective, prompts, scale * mean, text, _draw(seed, photo, draw, mean.shape, objective.timesteps))
        for photo, (mean, text) in enumerate(photos)
        for draw in range(DRAWS)
    )


def _draw(seed: int, photo: int, draw: int, shape: Sequence[int], timesteps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise (LEVELS, c, h, w) and timesteps (LEVELS,) of one sample."""
    normal = generator(seed, Purpose.VALIDATION, photo, draw).standard_normal((LEVELS, *shape), dtype=np.float32)
    middles = [(2 * (level * DRAWS + draw) + 1) * timesteps // (2 * LEVELS * DRAWS) for level in range(LEVELS)]
    return torch.from_numpy(normal), torch.tensor(middles, dtype=torch.int64)


def _loss(
    models: StableDiffusion,
    objective: Objective,
    prompts: PromptEncoder,
    latent: torch.Tensor,
    prompt: str,
    draw: tuple[torch.Tensor, torch.Tensor],
) -> float:
    noise, timesteps = (tensor.to(models.device) for tensor in draw)
    latents = latent.to(models.device).expand_as(noise)
    states, mask = prompts.encode([prompt] * LEVELS)
    noisy = objective.add_noise(latents, noise, timesteps)
    half = torch.autocast(models.device.type, models.dtype, enabled=models.dtype is not torch.float32)
    with half:  # of weights that a LoRA in training holds so
        prediction = with_room(  # as who scores has just looked at the checkpoint
            lambda: models.unet(
                noisy, timesteps, encoder_hidden_states=states, encoder_attention_mask=mask, return_dict=False
            )[0]
        )
    return float(functional.mse_loss(prediction.float(), objective.target(latents, noise, timesteps)))
