"""What determines a trial's weights: settings that tell stages apart, and those that do not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dbsweep.plan.courses import courses_of
from dbsweep.plan.photos import photos_of
from tests.plan.experiments import experiment
from tests.plan.trees import PHOTOS, plan_of


@pytest.mark.parametrize(
    ("search", "steps_shared"),
    [
        ({"epochs": [2, 4, 8], "text_encoder_ratio": [1]}, 8),  # one run, read three times
        ({"epochs": [2, 4, 8], "text_encoder_ratio": [0]}, 8),
        ({"epochs": [2, 4], "text_encoder_ratio": [0.5]}, 2 + 1 + 2),  # 1 + 1 frozen, 2 + 2 frozen
        ({"epochs": [4], "text_encoder_ratio": [0.9, 1]}, 4),  # round(3.6) is 4: nothing is frozen
        ({"epochs": [5], "text_encoder_ratio": [0.4, 0.5]}, 5),  # round(2.5) is 2, half to even
        ({"epochs": [4], "text_encoder_ratio": [1], "learning_rate": [1e-6, 2e-6]}, 8),
        (
            {
                "epochs": [4],
                "text_encoder_ratio": [1],
                "class_images_per_instance": [0, 5],
                "prior_loss_weight": [0, 1],
            },
            8,
        ),
        ({"epochs": [4], "text_encoder_ratio": [1], "lr_warmup_steps": [0, 5]}, 4),  # constant has no warm-up
        ({"epochs": [4], "text_encoder_ratio": [1], "lr_warmup_steps": [0, 5], "lr_scheduler": ["linear"]}, 8),
        ({"epochs": [2, 4], "text_encoder_ratio": [1], "lr_scheduler": ["cosine"]}, 6),
        ({"epochs": [2, 4], "text_encoder_ratio": [1], "lr_scheduler": ["constant_with_warmup"]}, 4),
        ({"epochs": [4], "text_encoder_ratio": [1], "lr_num_cycles": [1, 2], "lr_power": [1, 2]}, 4),  # constant again
        ({"epochs": [4], "text_encoder_ratio": [1], "lr_min_ratio": [0, 0.1], "lr_scheduler": ["linear"]}, 8),
        ({"epochs": [4], "text_encoder_ratio": [1], "lr_min_ratio": [0, 0.1], "lr_scheduler": ["polynomial"]}, 4),
        ({"epochs": [2, 4], "text_encoder_ratio": [1], "seed": [0, 1]}, 8),
        ({"epochs": [4], "text_encoder_ratio": [1], "gradient_checkpointing": [True, False]}, 4),  # to the bit
        ({"epochs": [4], "text_encoder_ratio": [1], "cuda_graphs": [True, False]}, 4),
        ({"epochs": [4], "text_encoder_ratio": [1], "deterministic": [True, False]}, 8),
    ],
)
def test_what_is_shared(search: dict[str, list[Any]], steps_shared: int):
    assert plan_of(search=search).cost.steps_shared == steps_shared * PHOTOS


@pytest.mark.parametrize(
    ("rules", "schedules", "steps_shared"),
    [
        (["1:6,0.1", "1:9,0.1"], ["piecewise_constant"], 12 + 6),  # one from 6, one from 9 on: 6 of 12 steps are shared
        (["1", "1:5,0.1"], ["piecewise_constant"], 12 + 7),  # a change within the second epoch
        (["1:5,0.1", "1:5,0.10"], ["piecewise_constant"], 12),
        (["1:40,0.1", "1"], ["piecewise_constant"], 12),  # the training is over before
        (["1:5,0.1"], ["constant", "piecewise_constant"], 12 + 7),
        (["1:5,0.1"], ["constant"], 12),  # it takes no rules
        (["1:6,0.1", "1:6,0.5:9,0.1", "1:6,0.5"], ["piecewise_constant"], 12 + 6 + 3),
    ],
    ids=str,
)
def test_rates_that_change_at_steps_share_all_steps_before(rules: list[str], schedules: list[str], steps_shared: int):
    search = {"lr_step_rules": rules, "lr_scheduler": schedules, "text_encoder_ratio": [1]}
    plan = plan_of(train={"epochs": 4}, search=search)
    assert plan.cost.steps_shared == steps_shared


@pytest.mark.parametrize(
    ("name", "default", "other"),
    [
        ("background_weight", 1.0, 0.5),
        ("debiased_estimation_loss", False, True),
        ("min_timestep", 0, 100),
        ("max_timestep", 1000, 900),
        ("multires_noise_iterations", 0, 6),
        ("lora_plus_ratio", 1.0, 16.0),
        ("lora_max_norm", 0.0, 1.0),
        ("lr_min_ratio", 0.0, 0.1),
    ],
)
def test_what_came_later_is_no_part_of_a_key_at_its_default(name: str, default: object, other: object):
    """So that stages have the names that they had before there was such a setting."""
    train = {"lora_rank": 4, "lr_scheduler": "cosine"}
    given = experiment(train=train, search={name: [default, other]})
    trials = plan_of(train=train, search={name: [default, other]}).trials
    courses = courses_of(given, trials, photos_of(given, [PHOTOS]))
    keys = {getattr(course.train, name): json.loads(course.key) for course in courses}
    assert name not in keys[default]
    assert "multires_noise_discount" not in keys[default]
    assert keys[other][name] == other


def test_what_is_drawn_and_judged_does_not_belong_to_a_stage():
    """Evaluation settings are not the weights': runs that differ in them alone have the same stages."""
    search = {"epochs": [2, 4], "text_encoder_ratio": [0.5, 1]}
    plain = plan_of(search=search)
    other = plan_of(
        search=search,
        evaluate={"images_per_prompt": 8, "guidance_scale": 3.0, "num_inference_steps": 9, "stop_overtrained": False},
        verdict={"drop": 0.3},
        checkpoints={"precision": "bf16", "keep": 1},
        choose={"weights": {"identity": 2}},
    )
    assert [stage.id for stage in plain.stages] == [stage.id for stage in other.stages]


@pytest.mark.parametrize(
    ("train", "search", "branches"),
    [
        ({"text_encoder_ratio": 0}, {"text_encoder_learning_rate": [1e-6, 2e-6]}, 1),  # it never trains
        ({"text_encoder_ratio": 1}, {"text_encoder_learning_rate": [1e-6, 2e-6]}, 2),
        ({"batch_size": 1}, {"scale_lr": [True, False]}, 1),
        ({"batch_size": 3}, {"scale_lr": [True, False]}, 2),
        ({}, {"keep_tags": [0, 1]}, 1),
        ({"shuffle_tags": True}, {"keep_tags": [0, 1]}, 2),
        ({}, {"noise_offset": [0, 0.1]}, 2),
        ({}, {"input_perturbation": [0, 0.1]}, 2),
        ({}, {"caption_dropout": [0, 0.1]}, 2),
        ({}, {"background_weight": [0, 0.5, 1]}, 3),
        ({}, {"debiased_estimation_loss": [False, True]}, 2),
        ({}, {"min_timestep": [0, 100]}, 2),
        ({}, {"max_timestep": [900, 1000]}, 2),
        ({}, {"multires_noise_iterations": [0, 6]}, 2),
        ({}, {"multires_noise_discount": [0.3, 0.5]}, 1),
        ({"multires_noise_iterations": 6}, {"multires_noise_discount": [0.3, 0.5]}, 2),
        ({}, {"ema_decay": [0, 0.9]}, 2),  # the same weights, but other checkpoints
        ({}, {"optimizer": ["adamw", "lion_8bit"]}, 2),
        ({}, {"attention": ["auto", "sdpa"]}, 1),  # auto is sdpa everywhere
        ({}, {"attention": ["auto", "sdpa", "xformers"]}, 2),
        ({}, {"lora_targets": ["attention", "linear"]}, 1),  # without a LoRA
        ({"lora_rank": 4}, {"lora_targets": ["attention", "linear"]}, 2),
        ({}, {"lora_rank": [0, 4]}, 2),
        ({}, {"lora_plus_ratio": [1, 16], "lora_max_norm": [0, 1]}, 1),
        ({"lora_rank": 4}, {"lora_plus_ratio": [1, 16], "lora_max_norm": [0, 1]}, 4),
    ],
    ids=str,
)
def test_settings_that_change_nothing_are_shared(train: dict[str, Any], search: dict[str, Any], branches: int):
    assert len(plan_of(train={"epochs": 2, **train}, search=search).branches) == branches


@pytest.mark.parametrize(
    ("train", "told"),
    [({"learning_rate": 1e-6}, {"text_encoder_learning_rate": 1e-6}), ({"lora_rank": 4}, {"lora_alpha": 4})],
    ids=str,
)
def test_what_is_told_as_it_would_be_anyhow_makes_the_same_stages(train: dict[str, Any], told: dict[str, Any]):
    stages, same, other = (
        plan_of(train=train | {"epochs": 2, "text_encoder_ratio": 1} | more).stages
        for more in ({}, told, {name: 2 * value for name, value in told.items()})
    )
    assert stages == same
    assert stages != other
