"""The training data of all concepts, and the batch of any step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from dbsweep.concepts.captions import Caption
from dbsweep.concepts.latents import LatentMoments
from dbsweep.config.schema import Train
from dbsweep.errors import ModelError
from dbsweep.training.captioning import CaptionSource
from dbsweep.training.noise import Counters, NoiseSource
from dbsweep.training.order import partner
from dbsweep.training.randomness import Purpose, generator


@dataclass(frozen=True, slots=True)
class ConceptData:
    """What is trained of one concept; one whose photos have several sizes is several of these.

    Attributes:
        instance: latents of the photos.
        class_images: latents of the class images, at least as many as the largest trial uses; None without.
        instance_captions: of each photo.
        class_captions: of each class image.
        crops: latents of other windows of the photos; each use takes `instance` or one of these by chance.
        mirrored: latents of `instance` and of `crops` seen in a mirror, which half of the uses take by chance; empty
            for none.
        repeats: times that each photo is trained in an epoch, every time with draws of its own.
        has_class_images: False for a concept that trains without, whatever the others do.
        masks: what of the photos is the subject, as `instance`, `crops` and `mirrored` show them, one after the other:
            (n, h, w) float32 in 0 to 1 each, above 0 somewhere in every image; empty where nothing is masked.
    """

    instance: LatentMoments
    class_images: LatentMoments | None
    instance_captions: tuple[Caption, ...]
    class_captions: tuple[Caption, ...] = ()
    crops: tuple[LatentMoments, ...] = ()
    mirrored: tuple[LatentMoments, ...] = ()
    repeats: int = 1
    has_class_images: bool = True
    masks: tuple[torch.Tensor, ...] = ()

    def __post_init__(self) -> None:
        class_images = 0 if self.class_images is None else len(self.class_images)
        for images, captions in ((len(self.instance), self.instance_captions), (class_images, self.class_captions)):
            if len(captions) != images:
                raise ValueError(f"{images} images have {len(captions)} captions")
        views = (self.instance, *self.crops, *self.mirrored)
        if self.masks and len(self.masks) != len(views):
            raise ValueError(f"{len(views)} views of the photos have {len(self.masks)} masks")


@dataclass(frozen=True, slots=True)
class Batch:
    """Instance images, then a class image for each whose concept has some.

    Attributes:
        latents: (n, c, h, w) float32, sampled from the autoencoder's posterior and scaled.
        noise: (n, c, h, w) float32, to be predicted.
        seen_noise: (n, c, h, w) float32, to be laid on the latents.
        timesteps: (n,) int64.
        prompts: of each image.
        instance_images: how many of the n are instance images.
        pixel_weights: (instance_images, h, w) float32, how much the error of each pixel of an instance image counts
            beside that of its others; None where all count alike.
    """

    latents: torch.Tensor
    noise: torch.Tensor
    seen_noise: torch.Tensor
    timesteps: torch.Tensor
    prompts: tuple[str, ...]
    instance_images: int
    pixel_weights: torch.Tensor | None


@dataclass(frozen=True, slots=True)
class _Image:
    """One image of a batch: where it lies, its caption, the counters of its draws, and the mask of a photo."""

    mean: torch.Tensor
    logvar: torch.Tensor
    caption: Caption
    counters: Counters
    mask: torch.Tensor | None = None


class TrainingSet:
    """All instance images in one row, each as often as it is repeated, each with the class images of its concept.

    Args:
        concepts: at least one.
        train: a concept with p photos uses its first ``p * class_images_per_instance`` class images; 0 trains
            without prior preservation.
        scaling_factor: of the autoencoder's latents.
        timesteps: how many there are.

    Raises:
        ModelError: none of them is among those that the settings train.
    """

    def __init__(self, concepts: Sequence[ConceptData], train: Train, *, scaling_factor: float, timesteps: int) -> None:
        self._concepts = tuple(concepts)
        self._class_images = [_class_images(c, train.class_images_per_instance) for c in concepts]
        self._owner = [
            (k, i)
            for k, concept in enumerate(concepts)
            for _ in range(concept.repeats)
            for i in range(len(concept.instance))
        ]
        self._scaling_factor = scaling_factor
        self._timesteps = _timesteps(train, timesteps)
        self._seed = train.seed
        self._background_weight = train.background_weight
        self._noise = NoiseSource(
            train.seed,
            offset=train.noise_offset,
            multires_iterations=train.multires_noise_iterations,
            multires_discount=train.multires_noise_discount,
            perturbation=train.input_perturbation,
        )
        self._captions = CaptionSource(
            train.seed, train.caption_dropout, train.shuffle_tags, train.tag_dropout, train.keep_tags
        )

    def __len__(self) -> int:
        """How many instance images there are."""
        return len(self._owner)

    @property
    def sizes(self) -> tuple[int, ...]:
        """For each instance image a number that tells its size from others."""
        shapes = [tuple(concept.instance.mean.shape[-2:]) for concept in self._concepts]
        return tuple(shapes.index(shapes[concept]) for concept, _ in self._owner)

    def batch(self, epoch: int, images: Sequence[int]) -> Batch:
        """The batch of these instance images, all of one size; an image's draws do not depend on the others."""
        chosen = [self._instance(epoch, image) for image in images]
        chosen += [pair for image in images if (pair := self._partner(epoch, image)) is not None]
        noise = [self._noise.predicted(image.counters, image.mean.shape) for image in chosen]
        seen = [self._noise.seen(each, image.counters) for each, image in zip(noise, chosen, strict=True)]
        return Batch(
            latents=self._scaling_factor * torch.stack([self._latent(image) for image in chosen]),
            noise=torch.stack(noise),
            seen_noise=torch.stack(seen),
            timesteps=torch.tensor([self._timestep(image) for image in chosen], dtype=torch.int64),
            prompts=tuple(self._captions.text(image.caption, image.counters) for image in chosen),
            instance_images=len(images),
            pixel_weights=self._pixel_weights(chosen[: len(images)]),
        )

    def _instance(self, epoch: int, image: int) -> _Image:
        concept, index = self._owner[image]
        data = self._concepts[concept]
        views, windows = (data.instance, *data.crops, *data.mirrored), 1 + len(data.crops)
        view = int(generator(self._seed, Purpose.CROP, epoch, image).integers(windows)) if data.crops else 0
        if data.mirrored and generator(self._seed, Purpose.FLIP, epoch, image).random() < 0.5:
            view += windows
        moments, mask = views[view], data.masks[view][index] if data.masks else None
        return _Image(
            moments.mean[index], moments.logvar[index], data.instance_captions[index], (epoch, image, 0), mask
        )

    def _partner(self, epoch: int, image: int) -> _Image | None:
        concept = self._owner[image][0]
        count = self._class_images[concept]
        moments = self._concepts[concept].class_images
        if count == 0 or moments is None:
            return None
        index = partner(self._seed, epoch, image, count)
        caption = self._concepts[concept].class_captions[index]
        return _Image(moments.mean[index], moments.logvar[index], caption, (epoch, image, 1))

    def _latent(self, image: _Image) -> torch.Tensor:
        draw = self._noise.normal(Purpose.LATENT, image.counters, image.mean.shape)
        return image.mean + torch.exp(0.5 * image.logvar) * draw

    def _pixel_weights(self, images: Sequence[_Image]) -> torch.Tensor | None:
        """All for the subject, the background's weight for the background; a photo without a mask counts everywhere."""
        if self._background_weight == 1.0:
            return None
        masks = [torch.ones(each.mean.shape[-2:]) if each.mask is None else each.mask for each in images]
        return self._background_weight + (1.0 - self._background_weight) * torch.stack(masks)

    def _timestep(self, image: _Image) -> int:
        return int(generator(self._seed, Purpose.TIMESTEP, *image.counters).integers(*self._timesteps))


def _timesteps(train: Train, there: int) -> tuple[int, int]:
    """The lowest that trains, and the one behind the highest."""
    if train.min_timestep >= there:
        raise ModelError(
            f"train.min_timestep is {train.min_timestep}, and the base model has {there} timesteps: lower it"
        )
    return train.min_timestep, min(train.max_timestep, there)


def _class_images(concept: ConceptData, per_instance: int) -> int:
    """How many class images the concept uses."""
    wanted = per_instance * len(concept.instance) if concept.has_class_images else 0
    there = 0 if concept.class_images is None else len(concept.class_images)
    if wanted > there:
        raise ValueError(f"{wanted} class images wanted, {there} given: draw the missing ones first")
    return wanted
