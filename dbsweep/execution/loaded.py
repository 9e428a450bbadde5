"""What one worker process loads once and keeps: models, encoders and latents, for all the branches it trains."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from dbsweep.concepts.captions import Caption, class_captions, instance_captions
from dbsweep.concepts.class_images import ClassImagePool, class_image_pool
from dbsweep.concepts.framing import Framing
from dbsweep.concepts.latents import LatentMoments, cached_latents
from dbsweep.concepts.masks import cut_mask, read_mask
from dbsweep.concepts.photo_sets import held_out_photos, training_photos
from dbsweep.concepts.photos import read_photo
from dbsweep.config.evaluate import Identity
from dbsweep.config.schema import Concept
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob
from dbsweep.execution.photo_digests import refuse_other_photos
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.loading import load_base
from dbsweep.models.restoring import restore_base
from dbsweep.models.sources import BaseSource
from dbsweep.plan.buckets import Size
from dbsweep.sampling.grammar import escape
from dbsweep.scoring.dino import load_dino
from dbsweep.scoring.embedding_cache import CachedEncoder, CachedImages
from dbsweep.scoring.encoders import Encoder, ImageEncoder, load_encoder
from dbsweep.scoring.faces import load_faces
from dbsweep.scoring.reference import Reference
from dbsweep.training.validation import HeldOut

VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
"""The variable by which a process is told its GPUs; empty for none."""


def device() -> str:
    """Where this process computes: on a GPU if there is one and it has not been hidden from it."""
    return "cuda" if torch.cuda.is_available() and os.environ.get(VISIBLE_GPUS) != "" else "cpu"


@dataclass
class _Base:
    """The one base model of this process.

    Attributes:
        changed: its weights are no longer, or may no longer be, those of its source.
    """

    models: StableDiffusion
    changed: bool = False


@lru_cache(maxsize=1)
def _base(source: BaseSource) -> _Base:
    return _Base(load_base(source, device=device()))


def models_as_they_are(source: BaseSource) -> StableDiffusion:
    """The base model's networks, whatever their weights are now, for who changes nothing about them."""
    return _base(source).models


def untrained_models(source: BaseSource) -> StableDiffusion:
    """The base model with its own weights."""
    base = _base(source)
    if base.changed:
        restore_base(base.models)
        base.changed = False
    return base.models


def untrained_models_of_run(job: SweepJob) -> StableDiffusion:
    """The base model with its own weights, to draw what all of a run have in common.

    Raises:
        RunError: the base model is another than the run began with, or (`ChangedError`) photos are.
    """
    models = untrained_models(job.base)
    job.refuse_another_base(models.sha256)
    refuse_other_photos(RunFolder(job.run_folder), job.experiment)
    return models


def models_to_change(source: BaseSource) -> StableDiffusion:
    """The base model's networks, whatever their weights are now, for training or for loading a checkpoint."""
    base = _base(source)
    base.changed = True
    return base.models


@contextmanager
def off_the_device(source: BaseSource) -> Iterator[None]:
    """Inside, the base model's networks wait in the host's memory, so that another model has room to draw."""
    models = _base(source).models.to("cpu")
    try:
        yield
    finally:
        models.to(device())


@lru_cache(maxsize=1)
def encoder(source: str) -> Encoder:
    """The scoring encoder; it remembers the images that it has seen."""
    return CachedEncoder(load_encoder(source, device()))


@lru_cache(maxsize=1)
def identity_encoder(identity: Identity) -> ImageEncoder | None:
    """What measures identity, if not the scoring encoder; it remembers the images that it has seen."""
    if identity.dinov2 is not None:
        return CachedImages(load_dino(identity.dinov2, device()))
    if identity.encoder is not None:
        return CachedImages(load_encoder(identity.encoder, device(), field="evaluate.identity.encoder"))
    if identity.face_detector is not None and identity.face_recognizer is not None:
        return CachedImages(load_faces(identity.face_detector, identity.face_recognizer))
    return None


@lru_cache(maxsize=1)
def reference(path: Path) -> Reference:
    """What scores are measured against."""
    return Reference.load(path)


def pool(job: SweepJob, concept: Concept, size: Size) -> ClassImagePool:
    """Where the concept's class images of a size lie."""
    sha256 = _base(job.base).models.sha256
    return class_image_pool(
        job.cache_folder / "class_images",
        concept,
        escape=escape,
        base_sha256=sha256,
        size=size,
        clip_skip=job.experiment.clip_skip,
    )


@dataclass(frozen=True, slots=True)
class PhotoViews:
    """Latents of photos as training may see them.

    Attributes:
        windows: one for each window; mirrored: the same seen in a mirror, empty where nothing is mirrored.
    """

    windows: tuple[LatentMoments, ...]
    mirrored: tuple[LatentMoments, ...]


def photo_views(job: SweepJob, photos: tuple[Path, ...], size: Size, framing: Framing) -> PhotoViews:
    """Latents of photos that are cut to one size."""

    def seen(mirrored: bool) -> tuple[LatentMoments, ...]:
        return tuple(_latents(job.base, job.cache_folder, photos, size, place, mirrored) for place in framing.places)

    return PhotoViews(windows=seen(False), mirrored=seen(True) if framing.mirrored else ())


def photo_masks(job: SweepJob, photos: tuple[Path, ...], size: Size, framing: Framing) -> tuple[torch.Tensor, ...]:
    """What is the subject in all `photo_views`, mirrored ones last: (n, h, w) float32 on the CPU each, 0 to 1."""
    factor = _base(job.base).models.latent_factor
    seen = tuple(_masks(photos, size, place, factor) for place in framing.places)
    return (*seen, *(masks.flip(-1) for masks in seen)) if framing.mirrored else seen


def encode_photos(job: SweepJob) -> None:
    """Fills the latent cache with the photos, in every way in which a trial sees them."""
    for framing in job.framings:
        for concept in job.experiment.concepts:
            for size, photos in framing.by_size(training_photos(concept)).items():
                photo_views(job, photos, size, framing)


def held_out(job: SweepJob) -> tuple[HeldOut, ...]:
    """The held-out photos of those concepts that have some, at the size in which checkpoints are drawn."""
    found, side = [], job.experiment.train.resolution
    for concept in job.experiment.concepts:
        if photos := held_out_photos(concept):
            latents = _latents(job.base, job.cache_folder, photos, (side, side))
            found.append(HeldOut(latents, instance_captions(concept, photos)))
    return tuple(found)


def class_image_captions(job: SweepJob, concept: Concept, size: Size, count: int) -> tuple[Caption, ...]:
    """Captions of a concept's first class images."""
    return class_captions(concept, pool(job, concept, size).paths(count)) if count > 0 else ()


def class_latents(job: SweepJob, concept: Concept, size: Size, count: int) -> LatentMoments | None:
    """Latents of a concept's first class images; None for none."""
    if count == 0:
        return None
    return _latents(job.base, job.cache_folder, pool(job, concept, size).paths(count), size)


@lru_cache(maxsize=64)
def _masks(photos: tuple[Path, ...], size: Size, place: float, factor: int) -> torch.Tensor:
    masks = [cut_mask(photo, read_mask(photo), size, place, factor=factor) for photo in photos]
    return torch.from_numpy(np.stack(masks))


@lru_cache(maxsize=64)
def _latents(
    base: BaseSource,
    cache_folder: Path,
    paths: tuple[Path, ...],
    size: Size,
    place: float = 0.5,
    mirrored: bool = False,
) -> LatentMoments:
    images = [read_photo(path, size, place) for path in paths]
    if mirrored:
        images = [np.ascontiguousarray(image[:, ::-1]) for image in images]
    # Training never touches the autoencoder.
    return cached_latents(cache_folder / "latents", _base(base).models, images)
