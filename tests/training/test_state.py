"""The state that training goes on from: bit for bit, forked, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dbsweep.errors import TrialError
from tests.training.dreambooth import ALWAYS, fresh_models, make_trainer, settings, state_sha256


@pytest.mark.parametrize(
    ("changes", "text_encoder_steps", "stop"),
    [
        ({}, ALWAYS, 4),
        ({}, 0, 3),
        ({}, 5, 4),
        ({}, 5, 5),
        ({}, 5, 6),
        ({"batch_size": 2, "class_images_per_instance": 0}, 2, 3),
        ({"gradient_accumulation": 2, "lr_scheduler": "cosine", "lr_warmup_steps": 2}, ALWAYS, 2),
        ({"precision": "bf16", "gradient_checkpointing": True}, 5, 3),
        ({"optimizer": "adamw_8bit"}, 5, 4),
        ({"optimizer": "lion_8bit", "learning_rate": 1e-4}, 5, 4),
        ({"optimizer": "adamw_8bit", "channels_last": True}, 5, 4),
        (
            {
                "optimizer": "lion_8bit",
                "learning_rate": 1e-4,
                "channels_last": True,
                "lora_rank": 2,
                "lora_targets": "convolution",
            },
            0,
            4,
        ),
        ({"channels_last": True}, 5, 4),
        ({"optimizer": "adafactor", "text_encoder_learning_rate": 1e-4, "scale_lr": True}, 5, 4),
        ({"optimizer": "prodigy", "learning_rate": 1.0}, 5, 4),
        ({"optimizer": "prodigy", "learning_rate": 1.0}, 5, 6),
        ({"min_snr_gamma": 5.0}, 5, 4),
        ({"lora_rank": 2, "lora_dropout": 0.3, "lora_targets": "convolution"}, 5, 4),
        ({"lora_rank": 2, "lora_dropout": 0.3}, 2, 4),  # once frozen, the text encoder's adapters drop nothing out
        ({"lora_rank": 2, "lora_dora": True, "ema_decay": 0.9}, 5, 6),
        ({"lora_rank": 2, "lora_plus_ratio": 8.0, "lora_max_norm": 0.05, "lora_targets": "convolution"}, 5, 6),
        ({"lora_rank": 2, "gradient_checkpointing": True, "precision": "bf16"}, 0, 3),
        ({"ema_decay": 0.9}, 5, 4),
        ({"ema_decay": 0.9}, 4, 6),
        ({"background_weight": 0.2, "random_crops": 3, "random_flip": True}, 5, 4),
        ({"noise_offset": 0.1, "input_perturbation": 0.1, "caption_dropout": 0.5}, 5, 6),
    ],
    ids=str,
)
def test_continuing_from_a_state_is_bit_identical(
    tiny_sd: Path, changes: dict[str, object], text_encoder_steps: int, stop: int
) -> None:
    train = settings(**changes)
    alone = make_trainer(fresh_models(tiny_sd), train, text_encoder_steps)
    alone.train_until(8)
    first = make_trainer(fresh_models(tiny_sd), train, text_encoder_steps)
    first.train_until(stop)
    second = make_trainer(fresh_models(tiny_sd), train, text_encoder_steps)
    second.load_state(first.state())
    assert second.step == stop
    assert state_sha256(second.state()) == state_sha256(first.state())
    second.train_until(8)
    assert state_sha256(second.state()) == state_sha256(alone.state())


@pytest.mark.parametrize(("parent", "child"), [(4, ALWAYS), (ALWAYS, 4), (4, 6), (6, 4), (ALWAYS, 6)])
def test_a_fork_where_the_text_encoder_freezes_equals_training_alone(tiny_sd: Path, parent: int, child: int) -> None:
    trunk = make_trainer(fresh_models(tiny_sd), settings(), parent)
    trunk.train_until(4)
    state = trunk.state()
    trunk.train_until(7)  # the parent goes on: its state must not be tied to its weights
    branch = make_trainer(fresh_models(tiny_sd), settings(), child)
    branch.load_state(state)
    branch.train_until(9)
    alone = make_trainer(fresh_models(tiny_sd), settings(), child)
    alone.train_until(9)
    assert state_sha256(branch.state()) == state_sha256(alone.state())
    trunk.train_until(9)
    assert state_sha256(trunk.state()) != state_sha256(alone.state())


@pytest.mark.parametrize("trained", [2, 4])
def test_a_state_whose_text_encoder_trained_for_another_time_is_refused(tiny_sd: Path, trained: int) -> None:
    parent = make_trainer(fresh_models(tiny_sd), settings(), trained)
    parent.train_until(4)
    child = make_trainer(fresh_models(tiny_sd), settings(), 3)
    with pytest.raises(TrialError, match=f"trained for {trained} steps, this trial needs 3"):
        child.load_state(parent.state())


def test_a_state_of_another_model_is_refused(tiny_sd: Path) -> None:
    trainer = make_trainer(fresh_models(tiny_sd), settings(), 0)
    state = trainer.state()
    state["unet.conv_in.weight"] = torch.zeros(3, 3)
    with pytest.raises(TrialError, match=r"does not fit the model: unet\.conv_in\.weight is missing"):
        trainer.load_state(state)


def test_a_state_to_write_is_no_copy_as_large_again(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    trainer = make_trainer(models, settings(), ALWAYS)
    trainer.train_until(2)
    state = trainer.state_to_write()
    assert state_sha256(state) == state_sha256(trainer.state())
    assert state["unet.conv_in.weight"].data_ptr() == models.unet.conv_in.weight.data_ptr()
    kept = trainer.state()
    trainer.train_until(3)
    assert not torch.equal(state["unet.conv_in.weight"], kept["unet.conv_in.weight"])
