"""The order in which memory is saved, and that steps of equal weights make the same steps of training."""

from __future__ import annotations

import pytest

from dbsweep.config.schema import Train
from dbsweep.plan.memory.ladder import Savings, images_per_pass, savings_text, useful_steps, ways_to_save
from dbsweep.plan.memory.sizes import SD1
from dbsweep.plan.memory.training import training_memory


def train(**settings: object) -> Train:
    return Train.model_validate(settings)


def test_what_costs_least_speed_comes_first():
    """Of 8 images a pass, class images included, by the time an image takes, times 1.23 where recomputed."""
    half: Savings = {"precision": "bf16"}
    moments: Savings = {"optimizer": "adamw_8bit"}
    recomputed: Savings = {"gradient_checkpointing": True}
    two: Savings = {"batch_size": 2, "gradient_accumulation": 2}
    one: Savings = {"batch_size": 1, "gradient_accumulation": 4}
    passes: list[Savings] = [
        {},  # 1.1875
        two,  # of 4 images: 1.375
        recomputed,  # 1.46
        two | recomputed,  # 1.69
        one,  # of 2 images: 1.75
        one | recomputed,  # 2.15
    ]
    numbers: list[Savings] = [half, half | moments, {}, moments]
    assert ways_to_save(train(batch_size=4), half="bf16", keep_weights=False) == [
        first | more for more in passes for first in numbers if first | more
    ]
    assert ways_to_save(train(batch_size=4), half="bf16", keep_weights=True) == passes[1:]


def test_recomputing_comes_before_passes_that_are_much_smaller():
    """From 32 images to 4, with class images, an image takes 31% longer."""
    ways = ways_to_save(train(batch_size=16), half=None, keep_weights=True)
    passes = [(way.get("batch_size", 16), "gradient_checkpointing" in way) for way in ways]
    assert passes[:5] == [(8, False), (4, False), (16, True), (8, True), (2, False)]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 6, 12, 18])
@pytest.mark.parametrize("accumulation", [1, 4])
def test_smaller_passes_make_the_same_step(batch_size: int, accumulation: int):
    given = train(batch_size=batch_size, gradient_accumulation=accumulation)
    reached = given
    for savings in ways_to_save(given, half="bf16", keep_weights=True):
        reached = given.model_copy(update=savings)
        assert reached.batch_size * reached.gradient_accumulation == batch_size * accumulation
        assert (reached.precision, reached.optimizer) == (given.precision, given.optimizer)
    assert reached.batch_size == 1
    assert reached.gradient_checkpointing


@pytest.mark.parametrize(
    ("settings", "left_alone"),
    [
        ({"precision": "fp16"}, "precision"),
        ({"optimizer": "prodigy", "learning_rate": 1.0}, "optimizer"),
        ({"lora_rank": 4}, "optimizer"),  # its moments are next to nothing
        ({"batch_size": 4, "lora_rank": 4, "lora_dropout": 0.1}, "batch_size"),  # dropout is drawn for each pass
        ({"batch_size": 4, "aspect_ratio_buckets": True}, "batch_size"),  # batches are of one size
        ({"gradient_checkpointing": True}, "gradient_checkpointing"),
    ],
    ids=str,
)
def test_steps_that_save_nothing_or_change_too_much_are_left_out(settings: dict[str, object], left_alone: str):
    steps = ways_to_save(train(**settings), half="bf16", keep_weights=False)
    assert steps
    assert all(left_alone not in step for step in steps)


def test_swept_settings_are_left_alone():
    swept = {"batch_size", "precision"}
    assert ways_to_save(train(batch_size=4), half="bf16", keep_weights=False, swept=swept) == [
        {"optimizer": "adamw_8bit"},
        {"gradient_checkpointing": True},
        {"optimizer": "adamw_8bit", "gradient_checkpointing": True},
    ]


def test_class_images_that_do_not_count_are_not_in_the_pass():
    assert images_per_pass(train(batch_size=3)) == 6
    assert images_per_pass(train(batch_size=3, prior_loss_weight=0)) == 3
    assert images_per_pass(train(batch_size=3, class_images_per_instance=0)) == 3


def test_savings_read_as_settings():
    assert (
        savings_text({"batch_size": 2, "gradient_checkpointing": True}) == "batch_size 2, gradient_checkpointing true"
    )


def test_smaller_passes_are_left_out_where_waiting_gradients_take_more_than_they_save():
    given = train(batch_size=2, gradient_checkpointing=True)

    def need(savings: Savings) -> int:
        return training_memory(given.model_copy(update=savings), SD1, prompts=2, scoring_bytes=0).total

    assert ways_to_save(given, half=None, keep_weights=True) == [{"batch_size": 1, "gradient_accumulation": 2}]
    assert list(useful_steps(given, need, half=None, keep_weights=True)) == []
    lora = train(batch_size=2, gradient_checkpointing=True, lora_rank=4)

    def need_of_lora(savings: Savings) -> int:
        return training_memory(lora.model_copy(update=savings), SD1, prompts=2, scoring_bytes=0).total

    assert list(useful_steps(lora, need_of_lora, half=None, keep_weights=True)) == [
        {"batch_size": 1, "gradient_accumulation": 2}
    ]


def test_a_step_that_saves_nothing_is_not_taken():
    def need(savings: Savings) -> int:
        return 90 if savings.get("gradient_checkpointing") else 100

    steps = list(useful_steps(train(batch_size=4), need, half="bf16", keep_weights=False))
    assert steps == [{"gradient_checkpointing": True}]


@pytest.mark.parametrize("lora_rank", [0, 8])
@pytest.mark.parametrize("batch_size", [1, 4, 6, 16])
def test_each_step_needs_less_and_takes_longer_than_those_before(batch_size: int, lora_rank: int):
    given = train(batch_size=batch_size, lora_rank=lora_rank)

    def need(savings: Savings) -> int:
        return training_memory(given.model_copy(update=savings), SD1, prompts=2, scoring_bytes=0).total

    steps = list(useful_steps(given, need, half="bf16", keep_weights=False))
    needs = [need({}), *map(need, steps)]
    assert needs == sorted(set(needs), reverse=True)
    assert needs[-1] == min(map(need, ways_to_save(given, half="bf16", keep_weights=False)))


def test_half_precision_that_saves_nothing_by_itself_is_left_out():
    def need(savings: Savings) -> int:
        return 100 - 40 * ("optimizer" in savings) - ("precision" in savings)

    steps = list(useful_steps(train(), need, half="bf16", keep_weights=False))
    assert steps == [{"precision": "bf16"}, {"precision": "bf16", "optimizer": "adamw_8bit"}]
    steps = list(useful_steps(train(), need, half="bf16", keep_weights=False, useless=0.05))
    assert steps == [{"optimizer": "adamw_8bit"}]
