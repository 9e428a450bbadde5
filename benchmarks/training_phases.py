"""Where the time of our optimizer step goes, by the ranges that the trainer marks for torch's profiler."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.training_case import (
    CLASS_IMAGES_PER_PHOTO,
    CLASS_PROMPT,
    INSTANCE_PROMPT,
    LEARNING_RATE,
    LORA_RANK,
    PHOTOS,
    RESOLUTION,
    Case,
    Inputs,
)
from dbsweep.concepts.captions import Caption
from dbsweep.concepts.latents import LatentMoments
from dbsweep.config.schema import Train
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.loading import load_base
from dbsweep.training.data import ConceptData
from dbsweep.training.trainer import PHASES, Trainer

WARM_UP: Final = 5


def step_shares(inputs: Inputs, case: Case, threads: int) -> dict[str, float]:
    """The share of each phase in the time of a step, and of what is outside all as ``other``; they add up to 1."""
    torch.set_num_threads(threads)
    train = Train(
        resolution=RESOLUTION,
        learning_rate=LEARNING_RATE,
        class_images_per_instance=CLASS_IMAGES_PER_PHOTO,
        lora_rank=LORA_RANK if case.lora else 0,
    )
    return measured_shares(trainer_of(load_base(str(inputs.model)), train, case), case.steps)


def measured_shares(trainer: Trainer, steps: int) -> dict[str, float]:
    """As `step_shares`, of further steps of this trainer."""
    trainer.train_until(trainer.step + WARM_UP)
    with profile(activities=[ProfilerActivity.CPU]) as profiled, torch.profiler.record_function("all"):
        trainer.train_until(trainer.step + steps)
    spent = {event.key: event.cpu_time_total for event in profiled.key_averages()}
    shares = {phase: spent.get(phase, 0.0) / spent["all"] for phase in PHASES}
    return {name: round(share, 4) for name, share in {**shares, "other": 1.0 - sum(shares.values())}.items()}


def trainer_of(models: StableDiffusion, train: Train, case: Case, photos: int = PHOTOS) -> Trainer:
    """A trainer over latents that are noise: the time of a step does not depend on what they show."""
    shape = models.latent_shape(train.resolution)
    class_images = photos * train.class_images_per_instance

    def noise(count: int) -> LatentMoments:
        return LatentMoments(torch.randn(count, *shape), torch.full((count, *shape), -4.0))

    concept = ConceptData(
        instance=noise(photos),
        class_images=noise(class_images) if class_images else None,
        instance_captions=(Caption(INSTANCE_PROMPT),) * photos,
        class_captions=(Caption(CLASS_PROMPT),) * class_images,
    )
    return Trainer(
        models,
        [concept],
        train,
        steps_per_epoch=math.ceil(photos / (train.batch_size * train.gradient_accumulation)),
        total_steps=10**9,
        text_encoder_steps=10**9 if case.text_encoder else 0,
    )
