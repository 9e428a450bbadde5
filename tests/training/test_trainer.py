"""The loop: stops, other work and frozen parts change nothing; failures; what the log says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dbsweep.errors import DivergedError, ResourceError, TrialError
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


def test_gradients_that_are_not_finite_end_the_trial_and_move_nothing(tiny_sd: Path) -> None:
    """Though the loss is a number."""
    models = fresh_models(tiny_sd)
    trainer = make_trainer(models, settings())
    before = weights(trainer)
    models.unet.conv_in.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(DivergedError, match=r"not finite at step 1 \(loss \d.*, gradient norm (inf|nan)\)"):
        trainer.train_until(1)
    assert all(torch.equal(value, before[name]) for name, value in weights(trainer).items())


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
