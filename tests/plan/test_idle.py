"""Settings that are given and change nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plan.experiments import CONCEPT
from tests.plan.test_notes import notes

CYCLES = {"lr_scheduler": "cosine_with_restarts", "lr_num_cycles": 2}
CAPTIONED = [{**CONCEPT, "instance_prompt": "[filewords]"}]


def test_rules_that_no_schedule_takes_are_said():
    found = notes(search={"lr_step_rules": ["1", "1:400,0.1"], "lr_scheduler": ["constant", "piecewise_constant"]})
    assert "lr_step_rules has no effect on 1 of 4 trials: it needs lr_scheduler piecewise_constant" in found
    assert "lr_step_rules" not in notes(train={"lr_scheduler": "piecewise_constant", "lr_step_rules": "1:9,0.5"})
    assert "lr_step_rules" not in notes()


@pytest.mark.parametrize(
    ("train", "need"),
    [
        ({"lr_warmup_steps": 100}, "another lr_scheduler, such as constant_with_warmup"),
        ({"lr_num_cycles": 3}, "lr_scheduler cosine_with_restarts"),
        ({"lr_min_ratio": 0.1}, "lr_scheduler linear, cosine or cosine_with_restarts"),
        ({"lr_min_ratio": 0.1, "lr_scheduler": "polynomial"}, "lr_scheduler linear, cosine or cosine_with_restarts"),
        ({"lr_power": 2.0}, "lr_scheduler polynomial"),
        ({"lora_dora": True}, "lora_rank above 0"),
        ({"lora_alpha": 8}, "lora_rank above 0"),
        ({"lora_plus_ratio": 16.0}, "lora_rank above 0"),
        ({"lora_max_norm": 1.0}, "lora_rank above 0"),
        ({"multires_noise_discount": 0.5}, "multires_noise_iterations above 0"),
        ({"keep_tags": 1}, "shuffle_tags or tag_dropout"),
        ({"prior_loss_weight": 0.5, "class_images_per_instance": 0}, "class_images_per_instance above 0"),
        ({"tag_dropout": 0.1}, "[filewords] in an instance_prompt"),
        ({"text_encoder_learning_rate": 1e-6, "text_encoder_ratio": 0}, "a text_encoder_ratio with which"),
    ],
)
def test_what_lacks_its_companion_is_said(train: dict[str, Any], need: str):
    assert f"{next(iter(train))} has no effect: it needs {need}" in notes(train=train)


def test_what_is_given_beside_its_axis_is_said():
    search = {"learning_rate": [1e-5, 1e-4], "text_encoder_ratio": [0.5, 1], "resolution": [64], "epochs": [30, 60]}
    train = {"learning_rate": 2e-5, "text_encoder_ratio": 0.5, "resolution": 128, "epochs": 100}
    found = notes(search=search, train=train)
    assert "train.learning_rate has no effect, got 2e-05: search.learning_rate is swept; set that instead" in found
    assert found.count("has no effect") == 1  # 0.5 is trained, 128 is the size of what is drawn, 100 is the default


@pytest.mark.parametrize(("rates", "idle"), [([1e-5, 1e-4], True), ({"loguniform": [1e-5, 1e-4]}, False)])
def test_a_seed_beside_its_axis_counts_where_points_are_sampled(rates: object, idle: bool):
    found = notes(search={"learning_rate": rates, "seed": [1, 2], "epochs": [30]}, train={"seed": 7})
    assert ("train.seed has no effect, got 7" in found) is idle


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"train": {"lr_scheduler": "constant_with_warmup", "lr_warmup_steps": 100}},
        {"train": CYCLES},
        {"train": {"lora_rank": 4, "lora_alpha": 8, "lora_dora": True}},
        {"train": {"shuffle_tags": True, "keep_tags": 1}, "concepts": CAPTIONED},
    ],
)
def test_what_has_its_companion_is_not(changes: dict[str, Any]):
    assert "has no effect" not in notes(**changes)
