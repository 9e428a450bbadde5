"""Optimizers and schedules are given what they can train with."""

from __future__ import annotations

import pytest

from tests.config.conftest import Faults, Load


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (
            "lr_scheduler: polynomial, learning_rate: 1e-7",
            "lr_scheduler polynomial falls to 1e-07, so learning_rate must be above that, got 1e-07; raise it, or use"
            " linear",
        ),
        (
            "optimizer: prodigy, learning_rate: 1, text_encoder_learning_rate: 0.5",
            "optimizer prodigy finds one learning rate for all that trains, got text_encoder_learning_rate 0.5;"
            " remove it",
        ),
        (
            "optimizer: prodigy, learning_rate: 1, scale_lr: true",
            "optimizer prodigy finds its own learning rate, and scale_lr would multiply it; remove it",
        ),
        (
            "optimizer: prodigy, learning_rate: 1e-5",
            "optimizer prodigy multiplies its own estimate by learning_rate, got 1e-05; use 1",
        ),
    ],
)
def test_a_learning_rate_that_an_optimizer_or_schedule_cannot_use(faults: Faults, train: str, message: str):
    assert faults(f"train: {{{train}}}") == {"train": f"{message} (line 10)"}


@pytest.mark.parametrize(
    "train",
    [
        "lr_scheduler: polynomial, learning_rate: 1.1e-7",
        "lr_scheduler: linear, learning_rate: 1e-7",
        "optimizer: prodigy, learning_rate: 0.01",
        "optimizer: prodigy, learning_rate: 1, text_encoder_learning_rate: 1",
        "optimizer: adamw, learning_rate: 1e-5, scale_lr: true",
    ],
)
def test_what_they_can_use_is_taken(load: Load, train: str):
    assert load(f"train: {{{train}}}").train.learning_rate > 0.0


def test_a_warm_up_by_the_share_of_the_steps_is_told_apart_from_a_slip(faults: Faults, load: Load):
    assert faults("train: {lr_warmup_steps: 0.1}\nsearch: {lr_warmup_steps: [0.05, 10]}") == {
        "train.lr_warmup_steps": "must be a whole number of steps, got 0.1; a share of all steps, as other trainers"
        " take it, is not there: multiply it out (line 10)",
        "search.lr_warmup_steps[0]": "must be a whole number of steps, got 0.05; a share of all steps, as other"
        " trainers take it, is not there: multiply it out (line 11)",
    }
    assert faults("train: {lr_warmup_steps: 1.5}") == {
        "train.lr_warmup_steps": "must be a whole number, got 1.5 (line 10)"
    }
    assert load("train: {lr_warmup_steps: 100}").train.lr_warmup_steps == 100
