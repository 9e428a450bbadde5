"""Small training data and trainers for the tests of this room."""

from __future__ import annotations

import copy
import dataclasses
import functools
import hashlib
import math
from pathlib import Path

import torch

from dbsweep.concepts.captions import Caption
from dbsweep.concepts.latents import LatentMoments
from dbsweep.config.schema import Train
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.loading import load_base
from dbsweep.training.data import ConceptData
from dbsweep.training.trainer import Trainer

PHOTOS = 5
LONG = ", ".join(["photo of ohwx man"] * 30)
"""A caption of two chunks."""
ALWAYS = 10**9
"""As `text_encoder_steps`: the text encoder trains to the end."""


def fresh_models(tiny_sd: Path, prediction_type: str = "epsilon") -> StableDiffusion:
    """Models that the test may train."""
    models = loaded(tiny_sd)
    return dataclasses.replace(
        models,
        unet=copy.deepcopy(models.unet),
        text_encoder=copy.deepcopy(models.text_encoder),
        scheduler_config={**models.scheduler_config, "prediction_type": prediction_type},
    )


@functools.cache
def loaded(tiny_sd: Path) -> StableDiffusion:
    """Loaded once a session; not to be changed."""
    return load_base(str(tiny_sd))


def moments(count: int, seed: int) -> LatentMoments:
    """Latents of ``count`` images that do not exist."""
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(count, 4, 8, 8, generator=generator)
    return LatentMoments(mean, torch.full_like(mean, -4.0))


def concept(class_images: int, photos: int = PHOTOS, seed: int = 1, caption: str = "photo of ohwx man") -> ConceptData:
    """One concept; every photo has the caption."""
    return ConceptData(
        instance=moments(photos, seed),
        class_images=moments(class_images, seed + 100) if class_images else None,
        instance_captions=(Caption(caption),) * photos,
        class_captions=(Caption("photo of man"),) * class_images,
    )


def windowed(data: ConceptData, crops: int = 0, *, mirrored: bool = False, seed: int = 200) -> ConceptData:
    """The concept in further windows and in a mirror, as far as a test can tell them apart, without masks."""
    views = [data.instance, *(moments(len(data.instance), seed + index) for index in range(crops))]
    flips = [LatentMoments(view.mean.flip(-1), view.logvar.flip(-1)) for view in views] if mirrored else []
    return dataclasses.replace(data, crops=tuple(views[1:]), mirrored=tuple(flips))


def masked(data: ConceptData, seed: int = 300) -> ConceptData:
    """The concept with a mask of its own for every photo in every view: black, grey and white in parts."""
    generator = torch.Generator().manual_seed(seed)
    views = 1 + len(data.crops)
    seen = [
        torch.rand(len(data.instance), 8, 8, generator=generator).mul(3.0).sub(1.0).clamp(0, 1) for _ in range(views)
    ]
    flips = [mask.flip(-1) for mask in seen] if data.mirrored else []
    return dataclasses.replace(data, masks=(*seen, *flips))


def settings(**changes: object) -> Train:
    """Settings that move the weights visibly in a few steps."""
    given = {"resolution": 64, "learning_rate": 1e-3, "class_images_per_instance": 3, "seed": 7, **changes}
    return Train.model_validate(given)


def make_trainer(
    models: StableDiffusion,
    train: Train,
    text_encoder_steps: int = ALWAYS,
    *,
    caption: str = "photo of ohwx man",
    clip_skip: int = 1,
) -> Trainer:
    """A trainer over one concept with as many class images as the settings use, with windows and masks if they do."""
    data = concept(train.class_images_per_instance * PHOTOS, caption=caption)
    data = windowed(data, max(0, train.random_crops - 1), mirrored=train.random_flip)
    data = masked(data) if train.background_weight < 1.0 else data
    per_epoch = math.ceil(PHOTOS / (train.batch_size * train.gradient_accumulation))
    return Trainer(
        models,
        [data],
        train,
        steps_per_epoch=per_epoch,
        total_steps=40,
        text_encoder_steps=text_encoder_steps,
        clip_skip=clip_skip,
    )


def state_sha256(state: dict[str, torch.Tensor]) -> str:
    """Of every bit of a training state."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(f"{name} {state[name].dtype} {tuple(state[name].shape)}".encode())
        digest.update(state[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


def differing(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    """What of two training states is not the same to the bit."""
    hashes = [{name: state_sha256({name: tensor}) for name, tensor in state.items()} for state in (one, other)]
    return sorted(name for name in {**one, **other} if hashes[0].get(name) != hashes[1].get(name))


def distance(one: torch.nn.Module, other: torch.nn.Module, start: torch.nn.Module) -> float:
    """Length of the difference of two trained networks over the length of what training changed."""
    a, b, s = (torch.cat([p.detach().flatten().double() for p in m.parameters()]) for m in (one, other, start))
    return float((a - b).norm() / (b - s).norm())
