"""What a plan tells beside its numbers."""

from __future__ import annotations

from typing import Any

import pytest

from dbsweep.plan.plan import make_plan
from dbsweep.plan.rates import Rates
from tests.plan.experiments import CONCEPT, experiment


def notes(photos: int = 12, **changes: Any) -> str:
    return "\n".join(make_plan(experiment(**changes), [photos]).notes)


def test_schedules_that_cannot_share_are_counted():
    search = {"epochs": [30, 60], "text_encoder_ratio": [1], "lr_scheduler": ["constant", "cosine"]}
    # Cosine: 30 + 60 epochs where 60 would do, of 12 steps each.
    assert "lr_scheduler cosine depends on the total length" in notes(search=search)
    assert "360 steps more than with a constant schedule" in notes(search=search)


def test_two_schedules_that_cannot_share_are_told_in_one_sentence():
    search = {"epochs": [30, 60], "text_encoder_ratio": [1], "lr_scheduler": ["linear", "cosine"]}
    assert "lr_scheduler cosine and linear depend on the total length" in notes(search=search)


@pytest.mark.parametrize("schedule", ["linear", "cosine_with_restarts", "polynomial"])
def test_every_falling_schedule_is_said_to_share_nothing(schedule: str):
    search = {"epochs": [30, 60], "text_encoder_ratio": [1]}
    found = notes(search=search, train={"lr_scheduler": schedule})
    assert f"lr_scheduler {schedule} depends on the total length" in found
    assert "360 steps more" in found


def test_schedules_that_lose_nothing_are_not_mentioned():
    assert "lr_scheduler" not in notes(train={"lr_scheduler": "cosine"})
    assert "lr_scheduler" not in notes(search={"epochs": [30, 60]})


def test_photos_that_do_not_fill_the_last_step():
    found = notes(12, search={"batch_size": [1, 5]}, train={"gradient_accumulation": 2})
    assert "12 photos are not divisible by batch_size × gradient_accumulation = 5 × 2" in found
    assert "the last step of every epoch has 2 of 10 images" in found
    assert "1 × 2" not in found
    assert "1 photo is not divisible" in notes(1, train={"batch_size": 2})
    assert "divisible" not in notes(12, train={"batch_size": 4})
    assert notes(1, train={"batch_size": 4}).count("1 photo is not divisible") == 1
    repeated = notes(3, concepts=[{**CONCEPT, "repeats": 10}], train={"batch_size": 4})
    assert "30 photos, repeats counted, are not divisible" in repeated


def test_a_lora_at_the_rate_of_whole_networks():
    assert "learning_rate 2e-06 is one for whole networks" in notes(train={"lora_rank": 8})
    assert "learning_rate 5e-06 is one for" in notes(search={"learning_rate": [1e-6, 5e-6]}, train={"lora_rank": 8})
    for train in ({}, {"lora_rank": 8, "learning_rate": 1e-5}, {"lora_rank": 8, "scale_lr": True, "batch_size": 6}):
        assert "whole networks" not in notes(train=train)
    # One of them has a rate for LoRAs: whoever sweeps knows.
    assert "whole networks" not in notes(search={"learning_rate": [2e-6, 1e-4]}, train={"lora_rank": 8})


def test_a_warmup_that_no_training_outlasts():
    search, warm = {"epochs": [5, 6, 7]}, {"lr_scheduler": "constant_with_warmup", "lr_warmup_steps": 72}
    found = notes(12, search=search, train=warm)  # 60, 72 and 84 steps
    assert "lr_warmup_steps is not less than the length of 2 of 3 trials (the shortest has 60 steps)" in found
    assert "lr_warmup_steps" not in notes(12, search=search, train={**warm, "lr_warmup_steps": 59})
    assert "never reach" not in notes(12, search=search, train={"lr_warmup_steps": 500})  # has no effect


@pytest.mark.parametrize(
    ("train", "told"),
    [
        ({"class_images_per_instance": 2}, "24 of the 40 class images in reg are used, the first by name"),
        ({"class_images_per_instance": 0}, "0 of the 40 class images in reg are used"),
        ({"prior_loss_weight": 0}, "0 of the 40 class images in reg are used"),
        ({"class_images_per_instance": 4}, "48 class images are used: 40 in reg, and 8 that the base model draws"),
        ({"class_images_per_instance": 5}, None),
    ],
)
def test_own_class_images_that_are_too_many_or_too_few(train: dict[str, Any], told: str | None):
    concepts = [{**CONCEPT, "class_images": {"folder": "reg"}}]
    own = 60 if told is None else 40
    found = "\n".join(make_plan(experiment(concepts=concepts, train=train), [12], class_images=[own]).notes)
    assert (f"concepts[0]: {told}" in found) is (told is not None)
    assert ("class images" in found) is (told is not None)


def test_too_few_checkpoints():
    search = {"epochs": [20, 21]}
    assert "1 of 2 trials has fewer than 3 checkpoints" in notes(search=search)
    assert "1 of 1 trial has fewer than 3 checkpoints" in notes(train={"epochs": 20})
    assert "2 of 2 trials have fewer than 3 checkpoints" in notes(search={"epochs": [10, 20]})
    spaced = notes(search=search, evaluate={"every_epochs": 5, "look_every": 2})
    assert "fewer than 3 checkpoints that are looked at, too few" in spaced
    assert "lower evaluate.look_every (2)" in spaced
    assert "fewer" not in notes(search={"epochs": [21, 30]})
    assert "lower evaluate.every_epochs (10)" in notes(search=search)
    assert "train for more epochs" in notes(train={"epochs": 2}, evaluate={"every_epochs": 1})


def test_checkpoints_and_their_size():
    assert "10 checkpoints of 14 MB (MiniSD's size)" in notes()
    assert "1 checkpoint of 14 MB (MiniSD's size)" in notes(train={"epochs": 1})
    # 60 epochs, the text encoder in all or half of them: evaluations at 10 … 60, and at 40 … 60 after the fork.
    found = notes(search={"epochs": [60], "text_encoder_ratio": [0.5, 1]})
    assert "9 checkpoints of 14 MB, 1 of them with 85 MB of state to fork from" in found
    # Of each branch that is being trained the two latest.
    assert found.endswith("(MiniSD's size); 2 states of 85 MB to resume from")
    rates = Rates(weight_bytes=1, state_bytes=10**9, workers=4)
    two_branches = experiment(search={"epochs": [60], "text_encoder_ratio": [0.5, 1]})
    assert make_plan(two_branches, [12], rates).notes[-1].endswith("; 4 states of 1.0 GB to resume from")


def test_removed_duplicates():
    assert "1 trial removed: the same settings as another" in notes(search={"seed": [1, 1]})


@pytest.mark.parametrize(
    ("search", "note"),
    [
        (
            {"grace_epochs": 2, "reduction_factor": 3, "epochs": [4, 20]},
            "at the first evaluation from epoch 2 and 6 and 18 on",
        ),
        (
            {"grace_epochs": 4, "epochs": [2, 4]},
            "asha ends nothing: grace_epochs is 4 and the longest trial has 4 epochs",
        ),
    ],
)
def test_a_scheduler_tells_its_rungs(search: dict[str, object], note: str):
    notes = make_plan(experiment(search={"scheduler": "asha", **search}), [3]).notes
    assert sum(note in each for each in notes) == 1
    assert not any("asha" in each for each in make_plan(experiment(), [3]).notes)


@pytest.mark.parametrize(
    ("search", "note"),
    [
        (
            {"scheduler": "none", "grace_epochs": 8},
            "grace_epochs has no effect: it needs search.scheduler outrun or asha",
        ),
        ({"scheduler": "asha", "catch_up": 1}, "catch_up has no effect: it needs search.scheduler outrun"),
        ({"reduction_factor": 3}, "reduction_factor has no effect: it needs search.scheduler asha"),
    ],
)
def test_settings_of_another_scheduler_have_no_effect(search: dict[str, object], note: str):
    assert [each for each in make_plan(experiment(search=search), [3]).notes if "no effect" in each] == [note]


def test_by_default_a_plan_tells_from_when_on_branches_may_be_outrun():
    rates = {"learning_rate": [1e-6, 2e-6], "epochs": [20, 40]}
    (told,) = [each for each in make_plan(experiment(search=rates), [3]).notes if "outrun" in each]
    assert told.startswith("scheduler outrun: from epoch 10 on a branch ends")
    for search in ({"epochs": [20]}, {**rates, "scheduler": "none"}, {**rates, "epochs": [1]}):
        assert not any("outrun" in each for each in make_plan(experiment(search=search), [3]).notes)


def test_where_checkpoints_fill_a_disk_it_is_told_how_to_have_fewer():
    sd1: dict[str, Any] = {"base_model": "stable-diffusion-v1-5/stable-diffusion-v1-5", "search": {"epochs": [300]}}
    assert "to keep fewer set checkpoints.keep: 2 and evaluate.look_every: 1" in notes(**sd1)
    assert "to keep fewer" not in notes(**sd1, checkpoints={"keep": 3})
    assert "to keep fewer" not in notes(search={"epochs": [300]})


def test_a_grid_of_checkpoints_that_may_be_gone_is_told():
    axis = {"axis": "checkpoint", "values": ["base", "before", "best", 30, "runner_up"]}
    grids = [{"prompt": "a man", "x": {"axis": "seed", "values": [1]}, "y": axis}]
    told = "grid 1 draws before, 30, whose weights checkpoints.keep: 2 may have dropped by then"
    assert told in notes(grids=grids, checkpoints={"keep": 2})
    assert "may have dropped" not in notes(grids=grids)
    kept = [{"prompt": "a man", "x": {**axis, "values": ["base", "best", "runner_up"]}}]
    assert "may have dropped" not in notes(grids=kept, checkpoints={"keep": 2})
