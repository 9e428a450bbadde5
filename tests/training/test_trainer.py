"""The loop against a plain one written from the equations; continuing and forking bit for bit; failures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dbsweep.errors import ResourceError, TrialError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.training.trainer import Trainer
from tests.training.dreambooth import ALWAYS, concept, fresh_models, make_trainer, settings, state_sha256


def gradients(models: StableDiffusion) -> list[str]:
    """Names of the weights that have one."""
    return [
        name
        for network in models.networks.values()
        for name, parameter in network.named_parameters()
        if parameter.grad is not None
    ]


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {k: v for k, v in trainer.state().items() if k.startswith(("unet.", "text_encoder."))}


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
        ({"lora_rank": 2, "lora_dora": True, "ema_decay": 0.9}, 5, 6),
        ({"lora_rank": 2, "gradient_checkpointing": True, "precision": "bf16"}, 0, 3),
        ({"ema_decay": 0.9}, 5, 4),
        ({"ema_decay": 0.9}, 4, 6),
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


def test_a_state_whose_text_encoder_trained_for_another_time_is_refused(tiny_sd: Path) -> None:
    parent = make_trainer(fresh_models(tiny_sd), settings(), 2)
    parent.train_until(4)
    child = make_trainer(fresh_models(tiny_sd), settings(), 3)
    with pytest.raises(TrialError, match="trained for 2 steps, this trial needs 3"):
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


def test_after_its_end_a_trainer_holds_no_moments(tiny_sd: Path) -> None:
    trainer = make_trainer(fresh_models(tiny_sd), settings(), 0)
    trainer.train_until(2)
    moments = [key for key in trainer.state() if key.startswith("optimizer.")]
    trainer.end()
    assert moments
    assert not [key for key in trainer.state() if key.startswith("optimizer.")]


def test_stopping_in_the_middle_changes_nothing(tiny_sd: Path) -> None:
    seen: list[int] = []
    alone = make_trainer(fresh_models(tiny_sd), settings(), 3)
    log = alone.train_until(6, on_step=seen.append)
    assert (seen, log.step) == ([1, 2, 3, 4, 5, 6], 6)
    parts = make_trainer(fresh_models(tiny_sd), settings(), 3)
    for step in (1, 3, 4, 6):
        parts.train_until(step)
    assert state_sha256(parts.state()) == state_sha256(alone.state())
    with pytest.raises(ValueError, match="already at step 6"):
        parts.train_until(6)


def test_other_work_between_steps_changes_nothing(tiny_sd: Path) -> None:
    alone = make_trainer(fresh_models(tiny_sd), settings(), 3)
    alone.train_until(5)
    models = fresh_models(tiny_sd)
    disturbed = make_trainer(models, settings(), 3)
    for step in range(1, 6):
        disturbed.train_until(step)
        torch.rand(step)
        models.unet.eval()
        models.text_encoder.eval()
    assert state_sha256(disturbed.state()) == state_sha256(alone.state())


def test_dropout_depends_on_the_step_alone(tiny_sd: Path) -> None:
    def with_dropout(probability: float) -> Trainer:
        models = fresh_models(tiny_sd)
        for module in models.text_encoder.modules():
            if isinstance(getattr(module, "dropout", None), float):
                module.dropout = probability
        return make_trainer(models, settings())

    alone, plain = with_dropout(0.5), with_dropout(0.0)
    alone.train_until(4)
    plain.train_until(4)
    assert state_sha256(alone.state()) != state_sha256(plain.state())
    first, second = with_dropout(0.5), with_dropout(0.5)
    first.train_until(2)
    second.load_state(first.state())
    torch.manual_seed(123)
    second.train_until(4)
    assert state_sha256(second.state()) == state_sha256(alone.state())


def test_a_frozen_text_encoder_does_not_move(tiny_sd: Path) -> None:
    trainer = make_trainer(fresh_models(tiny_sd), settings(weight_decay=0.5), 2)
    start = weights(trainer)
    trainer.train_until(2)
    frozen = weights(trainer)
    trainer.train_until(6)
    end = weights(trainer)
    moved = [k for k in start if k.startswith("text_encoder.") and not torch.equal(start[k], frozen[k])]
    assert moved  # it did train before
    assert [k for k in start if k.startswith("text_encoder.") and not torch.equal(frozen[k], end[k])] == []
    assert not [k for k in trainer.state() if k.startswith("optimizer.") and "text_encoder" in k]


def test_a_loss_that_is_not_finite_ends_the_trial_and_keeps_the_weights(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    data = concept(15)
    data.instance.mean[2] = float("nan")  # one photo of five: met within the first epoch
    trainer = Trainer(models, [data], settings(), steps_per_epoch=5, total_steps=40, text_encoder_steps=ALWAYS)
    history = [weights(trainer)]
    message = r"loss is not finite at step \d .*lower train.learning_rate \(now 0.001\)"
    with pytest.raises(TrialError, match=message):
        trainer.train_until(5, on_step=lambda _: history.append(weights(trainer)))
    assert trainer.step == len(history) - 1 < 5
    before, after = history[-1], weights(trainer)
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert all(torch.isfinite(v).all() for v in after.values())
    assert gradients(models) == []  # of networks that another branch trains next


def test_half_precision_needs_a_gpu(tiny_sd: Path) -> None:
    with pytest.raises(ResourceError, match=r"fp16 needs a GPU.*use bf16 or fp32"):
        make_trainer(fresh_models(tiny_sd), settings(precision="fp16"))


def test_bf16_and_checkpointing_train_nearly_the_same(tiny_sd: Path) -> None:
    plain = make_trainer(fresh_models(tiny_sd), settings())
    checkpointed = make_trainer(fresh_models(tiny_sd), settings(gradient_checkpointing=True))
    half = make_trainer(fresh_models(tiny_sd), settings(precision="bf16"))
    logs = [trainer.train_until(3) for trainer in (plain, checkpointed, half)]
    assert all(torch.equal(value, weights(checkpointed)[name]) for name, value in weights(plain).items())
    assert logs[2].loss == pytest.approx(logs[0].loss, rel=0.02)
    assert logs[2].loss != logs[0].loss
    assert all(v.dtype == torch.float32 for v in weights(half).values())


def test_the_log_averages_the_steps(tiny_sd: Path) -> None:
    whole = make_trainer(fresh_models(tiny_sd), settings(prior_loss_weight=0.5), 2)
    log = whole.train_until(4)
    single = make_trainer(fresh_models(tiny_sd), settings(prior_loss_weight=0.5), 2)
    logs = [single.train_until(step) for step in (1, 2, 3, 4)]
    for figure in ("loss", "instance_loss", "prior_loss", "grad_norm"):
        values = [getattr(each, figure) for each in logs]
        assert len(set(values)) == 4
        assert getattr(log, figure) == pytest.approx(sum(values) / 4, rel=1e-6)
    assert log.loss == pytest.approx(log.instance_loss + 0.5 * log.prior_loss, rel=1e-6)
    assert log.learning_rate == 1e-3
    assert log.steps_per_s > 0
    assert log.memory_bytes > 10_000_000
