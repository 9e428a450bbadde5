"""The loss on held-out photos differs between checkpoints by their weights alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler
from torch import nn

from dbsweep.concepts.captions import Caption
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.making_room import Movable
from dbsweep.training.randomness import Purpose, generator
from dbsweep.training.validation import DRAWS, LEVELS, HeldOut, validation_losses
from tests.models.on_device import OnDevice
from tests.training.dreambooth import fresh_models, make_trainer, moments, settings

PROMPT = "photo of ohwx man"


def held_out(photos: int, seed: int = 50) -> HeldOut:
    return HeldOut(moments(photos, seed), (Caption(PROMPT),) * photos)


@pytest.mark.parametrize(("prediction_type", "clip_skip"), [("epsilon", 1), ("v_prediction", 1), ("epsilon", 2)])
def test_it_is_the_error_at_fixed_noise(tiny_sd: Path, prediction_type: str, clip_skip: int) -> None:
    models = fresh_models(tiny_sd, prediction_type)
    found = validation_losses(models, [held_out(1), held_out(2, seed=51)], seed=9, clip_skip=clip_skip)
    assert len(found) == 3 * DRAWS
    plain = plain_losses(models, moments(2, 51).mean[0], photo=1, clip_skip=clip_skip)
    assert found[DRAWS : 2 * DRAWS] == pytest.approx(plain, rel=1e-5)


def plain_losses(models: StableDiffusion, mean: torch.Tensor, photo: int, clip_skip: int) -> list[float]:
    """Image by image, with diffusers' scheduler."""
    scheduler = DDPMScheduler.from_config(dict(models.scheduler_config))
    latent = models.vae.config.scaling_factor * mean[None]
    ids = models.tokenizer(PROMPT, padding="max_length", max_length=77, return_tensors="pt").input_ids
    losses = []
    for draw in range(DRAWS):
        noises = torch.from_numpy(
            generator(9, Purpose.VALIDATION, photo, draw).standard_normal((LEVELS, *mean.shape), dtype="float32")
        )
        errors = []
        for level in range(LEVELS):
            noise, timestep = noises[level : level + 1], torch.tensor([int((level * DRAWS + draw + 0.5) * 1000 / 16)])
            with torch.no_grad():
                layers = models.text_encoder(ids, output_hidden_states=True).hidden_states
                states = models.text_encoder.final_layer_norm(layers[-clip_skip])
                predicted = models.unet(scheduler.add_noise(latent, noise, timestep), timestep, states).sample
            is_velocity = models.scheduler_config["prediction_type"] == "v_prediction"
            target = scheduler.get_velocity(latent, noise, timestep) if is_velocity else noise
            errors.append(float(((predicted - target) ** 2).mean()))
        losses.append(sum(errors) / LEVELS)
    return losses


def test_it_depends_on_the_weights_alone(tiny_sd: Path) -> None:
    """Two trainings of other seeds, at rates that move nothing, and whatever torch has drawn before."""
    photos = [held_out(2)]
    before = validation_losses(fresh_models(tiny_sd), photos, seed=9)
    for seed in (1, 2):
        models = fresh_models(tiny_sd)
        make_trainer(models, settings(seed=seed, learning_rate=1e-30, weight_decay=0.0)).train_until(2)
        torch.manual_seed(seed)
        assert validation_losses(models, photos, seed=9) == before
    trained = fresh_models(tiny_sd)
    make_trainer(trained, settings()).train_until(2)
    assert validation_losses(trained, photos, seed=9) != before
    assert validation_losses(fresh_models(tiny_sd), photos, seed=10) != before


def test_looking_changes_no_training(tiny_sd: Path) -> None:
    quiet, watched = fresh_models(tiny_sd), fresh_models(tiny_sd)
    alone, looked_at = make_trainer(quiet, settings(), 2), make_trainer(watched, settings(), 2)
    for step in (1, 2, 3):
        alone.train_until(step)
        looked_at.train_until(step)
        validation_losses(watched, [held_out(1)], seed=9)
    seen = watched.unet.state_dict()
    for name, tensor in quiet.unet.state_dict().items():
        assert torch.equal(tensor, seen[name]), name


def test_a_look_drops_nothing_out(tiny_sd: Path) -> None:
    """As images are drawn: a LoRA's dropout is for training alone."""
    models = fresh_models(tiny_sd)
    make_trainer(models, settings(lora_rank=2, lora_dropout=0.5)).train_until(2)
    seen = validation_losses(models, [held_out(1)], seed=9)
    for network in (models.unet, models.text_encoder):
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    assert validation_losses(models, [held_out(1)], seed=9) == seen


def test_captions_count(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    other = HeldOut(moments(1, 50), (Caption("a dog"),))
    assert validation_losses(models, [other], seed=9) != validation_losses(models, [held_out(1)], seed=9)
    assert validation_losses(models, [], seed=9) == ()


def test_who_scores_makes_room(tiny_sd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models, scoring = fresh_models(tiny_sd), OnDevice()
    movable = Movable(scoring)
    real = models.unet.forward

    def forward(*args: Any, **kwargs: Any) -> object:
        if scoring.bytes_on_device > 0:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(*args, **kwargs)

    expected = validation_losses(models, [held_out(1)], seed=9)
    monkeypatch.setattr(models.unet, "forward", forward)
    movable.on_device()
    assert validation_losses(models, [held_out(1)], seed=9) == expected
