"""Which trials need the same memory, and how those that do not are told apart."""

from __future__ import annotations

from typing import Any

import pytest

from dbsweep.plan.memory.fitting import fit
from dbsweep.plan.memory.needs import cases_of, need_of, prompts_of
from tests.plan.devices import gpu, sd1
from tests.plan.experiments import CONCEPT


def test_settings_that_need_the_same_are_told_once():
    assert len(fit(sd1("as_given", search={"learning_rate": [1e-6, 2e-6], "epochs": [10, 20]}), gpu(80)).notes) == 1


@pytest.mark.parametrize("search", [{"class_images_per_instance": [0, 10]}, {"prior_loss_weight": [1, 0]}], ids=str)
def test_trials_that_need_other_amounts_are_told_apart_in_words(search: dict[str, Any]):
    notes = fit(sd1("as_given", search=search), gpu(80)).notes
    assert [note.split(" needs ")[0] for note in notes] == [
        "memory: training (with class images)",
        "memory: training (without class images)",
    ]


@pytest.mark.parametrize(("gpus", "decides"), [(1, False), (0, True)], ids=["gpu", "cpu"])
def test_a_trial_needs_the_larger_of_training_and_drawing(gpus: int, decides: bool):
    """On a GPU a large encoder leaves while is drawn, and not while is trained."""
    asked = sd1(train={"lora_rank": 8, "gradient_checkpointing": True, "class_images_per_instance": 0})
    asked = asked.model_copy(update={"resources": asked.resources.model_copy(update={"gpus_per_trial": gpus})})
    (case,) = cases_of(asked)
    assert case.drawing_decides is decides
    assert case.memory.total == max(case.training.total, case.drawing.total) == need_of(asked)


ZWX: dict[str, Any] = {
    key: str(value).replace("ohwx", "zwx") for key, value in CONCEPT.items() if key != "sanity_prompts"
}
ZWX["sanity_prompts"] = ["photo of zwx man, neon style"]


@pytest.mark.parametrize(
    ("changes", "prompts"),
    [
        ({}, 2),  # instance and class prompt
        ({"train": {"caption_dropout": 0.1}}, 3),  # and none
        ({"concepts": [CONCEPT, ZWX]}, 4),
        ({"concepts": [{**CONCEPT, "instance_prompt": "[filewords]"}], "train": {"batch_size": 3}}, 6),  # each its own
    ],
)
def test_prompts_of_a_pass(changes: dict[str, Any], prompts: int):
    asked = sd1(**changes)
    assert prompts_of(asked, asked.train) == prompts
