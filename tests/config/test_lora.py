"""Settings of a LoRA that do not go together."""

from __future__ import annotations

import pytest

from tests.config.conftest import Faults, Load


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (
            "lora_rank: 4, lora_dora: true, lora_max_norm: 1",
            "lora_max_norm 1 limits the product of a LoRA's factors, of which a DoRA takes the direction alone; remove"
            " it, or lora_dora",
        ),
        (
            "lora_rank: 4, lora_plus_ratio: 16, optimizer: prodigy, learning_rate: 1",
            "optimizer prodigy finds one learning rate for all that trains, got lora_plus_ratio 16; remove it",
        ),
    ],
)
def test_what_does_not_go_together(faults: Faults, train: str, message: str):
    assert faults(f"train: {{{train}}}") == {"train": f"{message} (line 10)"}


def test_values_that_no_lora_can_have(faults: Faults):
    assert faults("train: {lora_plus_ratio: 0, lora_max_norm: -1}") == {
        "train.lora_plus_ratio": "must be greater than 0, got 0 (line 10)",
        "train.lora_max_norm": "must be at least 0, got -1 (line 10)",
    }


def test_what_goes_together_is_taken(load: Load):
    train = load("train: {lora_rank: 4, lora_plus_ratio: 16, lora_max_norm: 1, optimizer: adafactor}").train
    assert (train.lora_plus_ratio, train.lora_max_norm) == (16.0, 1.0)
