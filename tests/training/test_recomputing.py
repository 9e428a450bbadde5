"""Gradient checkpointing: on, off, and with random states where networks drop out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dbsweep.training.recomputing import set_recomputing
from tests.training.dreambooth import differing, fresh_models, make_trainer, settings


def test_recomputed_activations_give_the_same_bits(tiny_sd: Path) -> None:
    """Also where a LoRA drops out: what was dropped is dropped again."""
    for changes in ({}, {"lora_rank": 2, "lora_dropout": 0.3}):
        kept = make_trainer(fresh_models(tiny_sd), settings(**changes))
        kept.train_until(2)
        again = make_trainer(fresh_models(tiny_sd), settings(**changes, gradient_checkpointing=True))
        again.train_until(2)
        assert differing(kept.state(), again.state()) == []


@pytest.mark.parametrize("drops_out", [False, True])
def test_random_states_are_kept_only_for_networks_that_drop_out(
    tiny_sd: Path, monkeypatch: pytest.MonkeyPatch, drops_out: bool
) -> None:
    models = fresh_models(tiny_sd)
    set_recomputing(models, True, drops_out=drops_out)
    asked: list[bool] = []
    get = torch.get_rng_state
    monkeypatch.setattr(torch, "get_rng_state", lambda: asked.append(True) or get())  # type: ignore[func-returns-value]
    states = models.text_encoder.train()(torch.zeros(1, 77, dtype=torch.long))[0]
    models.unet.train()(torch.randn(1, 4, 8, 8), 5, encoder_hidden_states=states, return_dict=False)
    assert bool(asked) is drops_out


def test_what_another_trial_left_on_is_off_again(tiny_sd: Path) -> None:
    models = fresh_models(tiny_sd)
    parts = [*models.unet.modules(), *models.text_encoder.modules()]

    def recomputed() -> int:
        return sum(getattr(part, "gradient_checkpointing", False) for part in parts)

    assert recomputed() == 0
    set_recomputing(models, True, drops_out=False)
    assert recomputed() > 2
    set_recomputing(models, False, drops_out=False)
    assert recomputed() == 0
