"""The training data of all concepts, and the batch of any step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from dbsweep.concepts.latents import LatentMoments
from dbsweep.training.order import partner
from dbsweep.training.randomness import Purpose, generator


@dataclass(frozen=True, slots=True)
class ConceptData:
    """What is trained of one concept.

    Attributes:
        instance: latents of the photos.
        class_images: latents of the class images, at least as many as the largest trial uses; None without.
        instance_ids: token ids of the instance prompt, (length,) int64.
        class_ids: token ids of the class prompt, (length,) int64.
    """

    instance: LatentMoments
    class_images: LatentMoments | None
    instance_ids: torch.Tensor
    class_ids: torch.Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """Instance images, then as many class images (or none).

    Attributes:
        latents: (n, c, h, w) float32, sampled from the autoencoder's posterior and scaled.
        noise: (n, c, h, w) float32, standard normal.
        timesteps: (n,) int64.
        prompts: row of each image's prompt in `TrainingSet.prompt_ids`.
        instance_images: how many of the n are instance images.
    """

    latents: torch.Tensor
    noise: torch.Tensor
    timesteps: torch.Tensor
    prompts: tuple[int, ...]
    instance_images: int


@dataclass(frozen=True, slots=True)
class _Image:
    """One image of a batch: where it lies, which prompt it has, and the counters of its draws."""

    mean: torch.Tensor
    logvar: torch.Tensor
    prompt: int
    counters: tuple[int, int, int]


class TrainingSet:
    """All instance images in one row, each with the class images of its concept.

    Args:
        concepts: at least one.
        class_images_per_instance: a concept with p photos uses its first ``p * class_images_per_instance`` class
            images; 0 trains without prior preservation.
        scaling_factor: of the autoencoder's latents.
        timesteps: how many there are.

    Attributes:
        prompt_ids: the distinct prompts, (m, length) int64.
    """

    def __init__(
        self,
        concepts: Sequence[ConceptData],
        *,
        class_images_per_instance: int,
        scaling_factor: float,
        timesteps: int,
        seed: int,
    ) -> None:
        self._concepts = tuple(concepts)
        self._class_images = [_class_images(c, class_images_per_instance) for c in concepts]
        self._owner = [(k, i) for k, concept in enumerate(concepts) for i in range(len(concept.instance))]
        self._scaling_factor = scaling_factor
        self._timesteps = timesteps
        self._seed = seed
        ids = [ids for c in concepts for ids in (c.instance_ids, c.class_ids)]
        self.prompt_ids, rows = torch.unique(torch.stack(ids), dim=0, return_inverse=True)
        self._prompt_rows: list[int] = rows.tolist()

    def __len__(self) -> int:
        """How many instance images there are."""
        return len(self._owner)

    def batch(self, epoch: int, images: Sequence[int]) -> Batch:
        """The batch of these instance images in an epoch; an image's draws do not depend on the others."""
        chosen = [self._instance(epoch, image) for image in images]
        chosen += [pair for image in images if (pair := self._partner(epoch, image)) is not None]
        return Batch(
            latents=self._scaling_factor * torch.stack([self._latent(image) for image in chosen]),
            noise=torch.stack([self._normal(Purpose.NOISE, image) for image in chosen]),
            timesteps=torch.tensor([self._timestep(image) for image in chosen], dtype=torch.int64),
            prompts=tuple(image.prompt for image in chosen),
            instance_images=len(images),
        )

    def _instance(self, epoch: int, image: int) -> _Image:
        concept, index = self._owner[image]
        moments = self._concepts[concept].instance
        return _Image(moments.mean[index], moments.logvar[index], self._prompt_rows[2 * concept], (epoch, image, 0))

    def _partner(self, epoch: int, image: int) -> _Image | None:
        concept = self._owner[image][0]
        count = self._class_images[concept]
        moments = self._concepts[concept].class_images
        if count == 0 or moments is None:
            return None
        index = partner(self._seed, epoch, image, count)
        return _Image(moments.mean[index], moments.logvar[index], self._prompt_rows[2 * concept + 1], (epoch, image, 1))

    def _latent(self, image: _Image) -> torch.Tensor:
        return image.mean + torch.exp(0.5 * image.logvar) * self._normal(Purpose.LATENT, image)

    def _normal(self, purpose: Purpose, image: _Image) -> torch.Tensor:
        draw = generator(self._seed, purpose, *image.counters).standard_normal(image.mean.shape, dtype=np.float32)
        return torch.from_numpy(draw)

    def _timestep(self, image: _Image) -> int:
        return int(generator(self._seed, Purpose.TIMESTEP, *image.counters).integers(self._timesteps))


def _class_images(concept: ConceptData, per_instance: int) -> int:
    """How many class images the concept uses."""
    wanted = per_instance * len(concept.instance)
    there = 0 if concept.class_images is None else len(concept.class_images)
    if wanted > there:
        raise ValueError(f"{wanted} class images wanted, {there} given: draw the missing ones first")
    return wanted
