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
        ({"lr_power": 2.0}, "lr_scheduler polynomial"),
        ({"lora_dora": True}, "lora_rank above 0"),
        ({"lora_alpha": 8}, "lora_rank above 0"),
        ({"keep_tags": 1}, "shuffle_tags or tag_dropout"),
        ({"tag_dropout": 0.1}, "[filewords] in an instance_prompt"),
        ({"text_encoder_learning_rate": 1e-6, "text_encoder_ratio": 0}, "a text_encoder_ratio with which"),
    ],
)
def test_what_lacks_its_companion_is_said(train: dict[str, Any], need: str):
    assert f"{next(iter(train))} has no effect on 1 of 1 trials: it needs {need}" in notes(train=train)


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
