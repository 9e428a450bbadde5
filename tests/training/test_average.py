"""The average is that of the formula, is what a checkpoint gets, and never disturbs training."""

from __future__ import annotations

from pathlib import Path

import torch

from dbsweep.training.trainer import Trainer
from tests.training.dreambooth import fresh_models, make_trainer, settings, state_sha256

DECAY = 0.3


def unet(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {key: value for key, value in trainer.state().items() if key.startswith("unet.")}


def test_checkpoints_hold_the_average_and_training_goes_on_with_the_weights(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    trainer = make_trainer(models, settings(ema_decay=DECAY), 0)
    plain = make_trainer(fresh_models(tiny_sd), settings(), 0)
    average = {key: value.double() for key, value in unet(trainer).items()}
    for step in range(1, 6):
        trainer.train_until(step)
        plain.train_until(step)
        # diffusers counts from the step before: 0, 2/11, 3/12, then the decay itself
        decay = 0.0 if step == 1 else min(DECAY, step / (9 + step))
        average = {key: decay * average[key] + (1 - decay) * value for key, value in unet(trainer).items()}
    weights = unet(trainer)
    with trainer.weights_to_keep():
        kept = unet(trainer)
    assert all(torch.equal(weights[key], value) for key, value in unet(plain).items())
    assert all(torch.equal(weights[key], value) for key, value in unet(trainer).items())
    for key, value in average.items():
        torch.testing.assert_close(kept[key].double(), value, rtol=1e-5, atol=1e-7)
    assert any(not torch.equal(kept[key], weights[key]) for key in kept)


def test_a_frozen_text_encoder_is_its_own_average(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    trainer = make_trainer(models, settings(ema_decay=0.9), 3)
    trainer.train_until(3)
    frozen = {key: value.clone() for key, value in models.text_encoder.state_dict().items()}
    with trainer.weights_to_keep():
        lagging = [
            key for key, value in models.text_encoder.state_dict().items() if not torch.equal(value, frozen[key])
        ]
    assert lagging
    trainer.train_until(4)
    with trainer.weights_to_keep():
        assert all(torch.equal(value, frozen[key]) for key, value in models.text_encoder.state_dict().items())


def test_looking_at_the_average_changes_nothing(tiny_sd: Path) -> None:
    alone = make_trainer(fresh_models(tiny_sd), settings(ema_decay=0.9), 3)
    alone.train_until(5)
    looked_at = make_trainer(fresh_models(tiny_sd), settings(ema_decay=0.9), 3)
    for step in range(1, 6):
        looked_at.train_until(step)
        with looked_at.weights_to_keep():
            pass
    assert state_sha256(looked_at.state()) == state_sha256(alone.state())


def test_a_state_to_write_keeps_the_weights_while_their_average_is_in_place(tiny_sd: Path) -> None:
    trainer = make_trainer(fresh_models(tiny_sd), settings(ema_decay=0.9), 3)
    trainer.train_until(3)
    before, state = state_sha256(trainer.state()), trainer.state_to_write()
    with trainer.weights_to_keep():
        assert state_sha256(state) == before
