"""Ten steps of the loop against a plain one written from the equations with diffusers' scheduler and torch's AdamW."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from diffusers import DDPMScheduler
from diffusers.optimization import get_scheduler
from diffusers.training_utils import compute_snr
from torch.nn import functional

from dbsweep.concepts.latents import LatentMoments
from dbsweep.config.schema import Train
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.hashes import weights_sha256
from dbsweep.training.data import ConceptData
from dbsweep.training.order import partner
from dbsweep.training.randomness import Purpose, generator
from dbsweep.training.trainer import Trainer
from tests.training.dreambooth import (
    ALWAYS,
    LONG,
    PHOTOS,
    concept,
    distance,
    fresh_models,
    masked,
    settings,
    windowed,
)

STEPS = 10
TOLERANCE = 5e-4
"""Largest `distance`; rounding gives up to 8e-5, for the reference sums in another order, image by image. (Single
weights may differ more: AdamW magnifies the rounding of gradients that are zero in theory, as those of CLIP's key
biases.)"""


def draws(train: Train, data: ConceptData, epoch: int, image: int, half: int) -> tuple[torch.Tensor, ...]:
    """Latent, noise to predict, noise to lay on it and timestep of one image, from the documented counters."""
    counters = (epoch, image, half)
    source, index = view(train, data, epoch, image)[0], image
    if half == 1:
        assert data.class_images is not None
        count = PHOTOS * train.class_images_per_instance
        source, index = data.class_images, partner(train.seed, epoch, image, count)
    size = source.mean.shape[1:]

    def normal(purpose: Purpose, shape: tuple[int, ...] = tuple(size)) -> torch.Tensor:
        return torch.from_numpy(generator(train.seed, purpose, *counters).standard_normal(shape, dtype="float32"))

    noise = normal(Purpose.NOISE) + train.noise_offset * normal(Purpose.NOISE_OFFSET, (size[0], 1, 1))
    seen = noise + train.input_perturbation * normal(Purpose.PERTURBATION)
    timestep = generator(train.seed, Purpose.TIMESTEP, *counters).integers(train.min_timestep, train.max_timestep)
    latent = 0.18215 * (source.mean[index] + source.logvar[index].mul(0.5).exp() * normal(Purpose.LATENT))
    return latent, noise, seen, torch.tensor(timestep)


def view(train: Train, data: ConceptData, epoch: int, image: int) -> tuple[LatentMoments, torch.Tensor]:
    """The photos as a photo is seen in an epoch, from the documented counters, and their masks."""
    seen, mirror = [data.instance, *data.crops], list(data.mirrored)
    place = generator(train.seed, Purpose.CROP, epoch, image).integers(len(seen)) if data.crops else 0
    flipped = bool(mirror) and generator(train.seed, Purpose.FLIP, epoch, image).random() < 0.5
    masks = data.masks[len(seen) :] if flipped else data.masks
    whole = torch.ones(len(data.instance), *data.instance.mean.shape[-2:])
    return (mirror if flipped else seen)[place], masks[place] if masks else whole


def prompt(train: Train, data: ConceptData, epoch: int, image: int, half: int) -> str:
    """The prompt of one image, from the documented counters."""
    if generator(train.seed, Purpose.CAPTION, epoch, image, half).random() < train.caption_dropout:
        return ""
    return (data.instance_captions, data.class_captions)[half][0].template


def encode(models: StableDiffusion, text: str, clip_skip: int) -> torch.Tensor:
    """The states of a prompt, 75 tokens at a time."""
    tokens = models.tokenizer(text, add_special_tokens=False, verbose=False).input_ids
    begin, end = models.tokenizer.bos_token_id, models.tokenizer.eos_token_id
    states = []
    for start in range(0, max(1, len(tokens)), 75):
        ids = [begin, *tokens[start : start + 75]]
        layers = models.text_encoder(torch.tensor([ids + [end] * (77 - len(ids))]), output_hidden_states=True)
        states.append(models.text_encoder.final_layer_norm(layers.hidden_states[-clip_skip]))
    return torch.cat(states, dim=1)


def epochs(train: Train) -> Iterator[tuple[int, list[int]]]:
    """(epoch, images) of every optimizer step."""
    size = train.batch_size * train.gradient_accumulation
    for epoch in range(STEPS):
        order = generator(train.seed, Purpose.ORDER, epoch).permutation(PHOTOS).tolist()
        for start in range(0, PHOTOS, size):
            yield epoch, order[start : start + size]


def reference(
    models: StableDiffusion, data: ConceptData, train: Train, text_encoder_steps: int, clip_skip: int = 1
) -> None:
    """DreamBooth one image at a time: the loss of a step is the mean of its images' losses."""
    scheduler = DDPMScheduler.from_config(dict(models.scheduler_config))
    halves = (0, 1) if train.class_images_per_instance else (0,)
    weight = {0: 1.0, 1: train.prior_loss_weight}

    def optimizer(module: torch.nn.Module, rate: float) -> torch.optim.AdamW:
        scale = train.batch_size * train.gradient_accumulation if train.scale_lr else 1
        named = list(module.named_parameters())
        groups = [
            {"params": [p for name, p in named if name.endswith(".up") is second], "lr": scale * rate * factor}
            for second, factor in ((False, 1.0), (True, train.lora_plus_ratio))
        ]
        return torch.optim.AdamW(groups, weight_decay=train.weight_decay, foreach=False)

    # One optimizer a network; clipping spans both.
    rates = train.learning_rate, train.text_encoder_learning_rate or train.learning_rate
    networks = models.unet, models.text_encoder
    parts = {module: optimizer(module, rate) for module, rate in zip(networks, rates, strict=True)}
    kind, warmup = train.lr_scheduler.value, train.lr_warmup_steps
    schedules = {
        module: get_scheduler(kind, part, num_warmup_steps=warmup, num_training_steps=STEPS)
        for module, part in parts.items()
    }
    for step, (epoch, images) in zip(range(STEPS), epochs(train), strict=False):
        training = [models.unet] + ([models.text_encoder] if step < text_encoder_steps else [])
        models.unet.zero_grad()
        models.text_encoder.zero_grad()
        loss = torch.zeros(())
        for image in images:
            for half in halves:
                latent, noise, seen, timestep = (x[None] for x in draws(train, data, epoch, image, half))
                states = encode(models, prompt(train, data, epoch, image, half), clip_skip)
                prediction = models.unet(scheduler.add_noise(latent, seen, timestep), timestep, states).sample
                velocity = models.scheduler_config["prediction_type"] == "v_prediction"
                target = scheduler.get_velocity(latent, noise, timestep) if velocity else noise
                snr, gamma = compute_snr(scheduler, timestep), train.min_snr_gamma or math.inf
                kept = (snr.clamp(max=gamma) / (snr + velocity)).item() if train.min_snr_gamma else 1.0
                if train.debiased_estimation_loss:
                    kept = (1.0 / (snr.clamp(max=1000.0) + 1.0) if velocity else snr.clamp(max=1000.0) ** -0.5).item()
                error = functional.mse_loss(prediction, target)
                if half == 0 and train.background_weight < 1.0:
                    mask = view(train, data, epoch, image)[1][image].expand_as(prediction)
                    pixel = mask + train.background_weight * (1 - mask)
                    error = (pixel * (prediction - target) ** 2).sum() / pixel.sum()
                loss = loss + kept * weight[half] * error / len(images)
        torch.autograd.backward(loss)
        limit = train.max_grad_norm or math.inf
        torch.nn.utils.clip_grad_norm_([p for m in training for p in m.parameters()], limit)
        for module in training:
            parts[module].step()
            schedules[module].step()
            if train.lora_max_norm > 0.0:
                limit_norms(module, train.lora_max_norm)


@torch.no_grad()
def limit_norms(network: torch.nn.Module, limit: float) -> None:
    """Of what each layer's plain LoRA, in `down`, `up` and `scale`, adds to its weights; in float64."""
    for layer in network.modules():
        own = dict(layer.named_parameters(recurse=False))
        if own.keys() >= {"down", "up"}:
            norm = torch.linalg.matrix_norm(vars(layer)["scale"] * own["up"].double() @ own["down"].double())
            for factor in own.values():
                factor.mul_((limit / norm).sqrt() if norm > limit else 1.0)


CASES = {
    "prior and text encoder": (settings(), ALWAYS, "epsilon"),
    "no prior": (settings(class_images_per_instance=0), ALWAYS, "epsilon"),
    "text encoder off": (settings(), 0, "epsilon"),
    "text encoder up to step 4": (settings(weight_decay=0.1), 4, "epsilon"),
    "v-prediction": (settings(prior_loss_weight=0.3), ALWAYS, "v_prediction"),
    "batch": (settings(batch_size=2), ALWAYS, "epsilon"),
    "accumulation": (settings(batch_size=2, gradient_accumulation=2), 3, "epsilon"),
    "accumulation, v-prediction, no prior": (
        settings(gradient_accumulation=3, class_images_per_instance=0),
        ALWAYS,
        "v_prediction",
    ),
    "min-SNR": (settings(min_snr_gamma=5.0, batch_size=2), ALWAYS, "epsilon"),
    "min-SNR, v-prediction, accumulation": (settings(min_snr_gamma=1.0, gradient_accumulation=2), 3, "v_prediction"),
    "debiased": (settings(debiased_estimation_loss=True, batch_size=2), ALWAYS, "epsilon"),
    "debiased, v-prediction, accumulation": (
        settings(debiased_estimation_loss=True, prior_loss_weight=0.3, gradient_accumulation=2),
        3,
        "v_prediction",
    ),
    "a range of timesteps": (settings(min_timestep=300, max_timestep=700, min_snr_gamma=1.0), ALWAYS, "epsilon"),
    "clipping": (settings(max_grad_norm=0.05), ALWAYS, "epsilon"),
    "no clipping": (settings(max_grad_norm=0.0), ALWAYS, "epsilon"),
    "offset noise": (settings(noise_offset=0.2), ALWAYS, "epsilon"),
    "offset noise, v-prediction": (settings(noise_offset=0.2), 4, "v_prediction"),
    "input perturbation": (settings(input_perturbation=0.2, batch_size=2), ALWAYS, "epsilon"),
    "caption dropout": (settings(caption_dropout=0.5, batch_size=2), 6, "epsilon"),
    "two learning rates": (settings(text_encoder_learning_rate=2e-4, weight_decay=0.1), 6, "epsilon"),
    "windows and mirrors": (settings(random_crops=3, random_flip=True, batch_size=2), ALWAYS, "epsilon"),
    "masks": (settings(background_weight=0.0), ALWAYS, "epsilon"),
    "masks, no prior, frozen": (settings(background_weight=0.3, class_images_per_instance=0), 0, "epsilon"),
    "masks, windows and mirrors, accumulation": (
        settings(background_weight=0.1, random_crops=3, random_flip=True, batch_size=2, gradient_accumulation=2),
        6,
        "epsilon",
    ),
    "masks, min-SNR, v-prediction, batch": (
        settings(background_weight=0.0, min_snr_gamma=1.0, prior_loss_weight=0.3, batch_size=2),
        ALWAYS,
        "v_prediction",
    ),
    "scaled learning rates": (
        settings(scale_lr=True, learning_rate=2e-4, batch_size=2, gradient_accumulation=2),
        ALWAYS,
        "epsilon",
    ),
    "rates that rise and fall": (
        settings(lr_scheduler="cosine", lr_warmup_steps=3, text_encoder_learning_rate=2e-4),
        6,
        "epsilon",
    ),
}
CAPTION = "photo of ohwx man"


@pytest.mark.parametrize(
    ("case", "clip_skip", "caption"),
    [
        *((case, 1, CAPTION) for case in CASES),
        ("prior and text encoder", 2, CAPTION),
        pytest.param("batch", 1, LONG, id="captions of two chunks"),  # beside a class prompt of one
        pytest.param("text encoder off", 2, LONG, id="captions of two chunks, frozen, clip skip"),
    ],
)
def test_ten_steps_equal_the_equations(tiny_sd: Path, case: str, clip_skip: int, caption: str) -> None:
    train, text_encoder_steps, prediction_type = CASES[case]
    start, ours, theirs = (fresh_models(tiny_sd, prediction_type) for _ in range(3))
    data = concept(PHOTOS * train.class_images_per_instance, caption=caption)
    data = windowed(data, max(0, train.random_crops - 1), mirrored=train.random_flip)
    data = masked(data) if train.background_weight < 1.0 else data
    trainer = Trainer(
        ours,
        [data],
        train,
        steps_per_epoch=math.ceil(PHOTOS / (train.batch_size * train.gradient_accumulation)),
        total_steps=STEPS,
        text_encoder_steps=text_encoder_steps,
        clip_skip=clip_skip,
    )
    trainer.train_until(STEPS)
    reference(theirs, data, train, text_encoder_steps, clip_skip)
    assert distance(ours.unet, theirs.unet, start.unet) < TOLERANCE
    if text_encoder_steps:
        assert distance(ours.text_encoder, theirs.text_encoder, start.text_encoder) < TOLERANCE
    else:
        ours_sha256, theirs_sha256 = (weights_sha256({"": m.text_encoder}) for m in (ours, start))
        assert ours_sha256 == theirs_sha256


@pytest.mark.parametrize("wrong", [{"prior_loss_weight": 1.01}, {"background_weight": 0.11}], ids=str)
def test_the_comparison_notices_a_weight_that_is_one_per_cent_off(tiny_sd: Path, wrong: dict[str, object]) -> None:
    train = settings(background_weight=0.1)
    start, right, other = (fresh_models(tiny_sd) for _ in range(3))
    data = masked(concept(PHOTOS * train.class_images_per_instance))
    reference(right, data, train, 0)
    reference(other, data, train.model_copy(update=wrong), 0)
    assert distance(right.unet, other.unet, start.unet) > 2 * TOLERANCE
