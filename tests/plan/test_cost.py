"""Disk and time, with the arithmetic shown."""

from __future__ import annotations

import pytest

from dbsweep.plan.cost import LONE_IMAGE
from dbsweep.plan.memory.sizes import MINISD
from dbsweep.plan.rates import Rates, rates_for
from tests.plan.costs import EVALUATION, RATES, REFERENCES, cost, small


def test_weights_that_were_passed_over_need_their_disk_until_the_end():
    def checkpoints(look_every: int, keep: object) -> int:
        evaluate = {"every_epochs": 1, "look_every": look_every, "race": {"enabled": False}}
        found = cost(small(evaluate=evaluate, search={"epochs": [40]}, checkpoints={"keep": keep}))
        pictures = round((found.images + found.race_images) * 64**2 * 1.7)
        return found.disk_bytes - pictures

    assert checkpoints(2, 1) - checkpoints(1, 1) == pytest.approx(
        20 * RATES.weight_bytes, rel=1e-6
    )  # every second of forty
    assert checkpoints(2, "all") == pytest.approx(checkpoints(1, "all"), rel=1e-6)


def test_the_latest_checkpoints_have_their_weights_beside_the_best():
    # Checkpoints at epochs 2, 4, 6 and 8; the best one stays, and the two to resume from, with their states.
    found = cost(small(search={"epochs": [8]}, checkpoints={"keep": 1}))
    assert found.disk_bytes == 3 * 10**9 + 2 * 10**10 + round(found.images * 64 * 64 * 1.7)


def test_each_resolution_has_its_own_class_images_and_all_are_drawn_at_one():
    found = cost(small(search={"resolution": [64, 128]}))
    class_images, drawn = 12 * 2, REFERENCES + 4 * EVALUATION
    assert found.images == 2 * class_images + drawn
    pixels = class_images * (64**2 + 128**2) + drawn * 64**2  # as train.resolution is 64
    # Two branches of two checkpoints, the last one with two states to resume from.
    assert found.disk_bytes == 4 * 10**9 + 2 * 10**10 + round(pixels * 1.7)


def test_disk_is_weights_states_and_images():
    # Checkpoints at epochs 2 and 4 (trunk), fork at 1, and at 2 and 4 on the fork; a state at the fork, two to resume.
    setup = small(search={"text_encoder_ratio": [0.25, 1]})
    found = cost(setup)
    image_bytes = round(found.images * 64 * 64 * 1.7)
    assert found.disk_bytes == 5 * 10**9 + (1 + 2) * 10**10 + image_bytes


def test_weights_that_wait_while_grids_merge_take_disk():
    """One model in float32 at a time, in however many grids."""
    axis = {"axis": "merge_ratio", "into": "custom.safetensors", "values": [0.75]}
    merging = small(grids=[{"prompt": "a man", "x": axis}] * 2)
    plain, merged = (cost(setup, rates=rates_for(setup)) for setup in (small(), merging))
    pictures = round(merged.images * 64**2 * 1.7) - round(plain.images * 64**2 * 1.7)
    whole = 4 * (MINISD.unet + MINISD.text_encoder + MINISD.vae)
    assert merged.disk_bytes - plain.disk_bytes == whole + pictures


def test_time_is_training_and_drawing():
    found = cost(small())
    passes = found.images * 20 * 2  # 20 steps with CFG
    assert found.seconds == pytest.approx(48 * 1.0 + passes * 0.01)


def test_without_guidance_an_image_takes_half_the_passes():
    evaluate = {"every_epochs": 2, "guidance_scale": 1, "race": {"enabled": False}}
    found = cost(small(evaluate=evaluate))
    assert found.seconds == pytest.approx(48 + 24 * 20 * 2 * 0.01 + (REFERENCES + 2 * EVALUATION) * 20 * 0.01)


def test_workers_divide_the_time_down_to_the_longest_way():
    setup = small(search={"learning_rate": [1e-6, 1e-5, 1e-4, 1e-3]})
    alone = cost(setup).seconds
    assert alone is not None
    assert cost(setup, rates=RATES.model_copy(update={"workers": 2})).seconds == pytest.approx(alone / 2)
    assert cost(setup, rates=RATES.model_copy(update={"workers": 1000})).seconds == 48.0


def test_larger_batches_take_longer_steps():
    faster = RATES.model_copy(update={"seconds_per_unet_pass": 0.0})
    assert cost(small(), rates=faster).seconds == 48
    batches = {"epochs": 4, "text_encoder_ratio": 1, "batch_size": 2, "gradient_accumulation": 3}
    assert cost(small(train=batches), rates=faster).seconds == 4 * 2 * 6


@pytest.mark.parametrize(("batch_size", "accumulation"), [(8, 1), (5, 4), (64, 1)])
def test_steps_that_are_not_full_take_the_time_of_their_images(batch_size: int, accumulation: int):
    free = RATES.model_copy(update={"seconds_per_unet_pass": 0.0})
    train = {"epochs": 4, "text_encoder_ratio": 1, "batch_size": batch_size, "gradient_accumulation": accumulation}
    found = cost(small(train=train), rates=free)
    assert found.alone is not None
    assert found.seconds == pytest.approx(4 * 12)
    assert found.alone.seconds == pytest.approx(4 * 12)


def test_steps_without_class_images_take_less_time():
    free = RATES.model_copy(update={"seconds_per_unet_pass": 0.0})
    for without in ({"class_images_per_instance": [0]}, {"prior_loss_weight": [0]}):
        assert cost(small(search=without), rates=free).seconds == pytest.approx(48 * LONE_IMAGE)
    # Two branches, one of them without.
    assert cost(small(search={"class_images_per_instance": [0, 2]}), rates=free).seconds == 48 * (1 + LONE_IMAGE)


def test_time_is_unknown_without_rates():
    assert cost(small(), rates=Rates(weight_bytes=1, state_bytes=1)).seconds is None


def test_each_resolution_takes_the_time_of_its_area():
    # At twice the side every step and every pass of class images takes four times as long; all else is drawn at 64.
    rates = RATES.model_copy(update={"resolution": 64})
    found = cost(small(search={"resolution": [64, 128]}), rates=rates)
    passes = 12 * 2 * (1 + 4) + REFERENCES + 4 * EVALUATION
    assert found.seconds == pytest.approx(48 * (1 + 4) + passes * 20 * 2 * 0.01)


@pytest.mark.parametrize(("epochs", "every_epochs", "look_every"), [(3, 2, 1), (5, 1, 2)])
def test_a_trial_costs_the_same_where_it_is_the_only_one(epochs: int, every_epochs: int, look_every: int):
    """Its end is looked at too: two looks at 2 and 3; five checkpoints of which 2, 4 and 5 are looked at."""
    evaluate = {"every_epochs": every_epochs, "look_every": look_every}
    found = cost(small(search={"epochs": [epochs]}, evaluate=evaluate))
    assert found.alone == found.model_copy(update={"alone": None})


def test_alone_is_every_trial_by_itself_with_the_same_inputs():
    found = cost(small(search={"epochs": [2, 4, 8], "text_encoder_ratio": [1]}))
    assert found.alone is not None
    # 1 + 2 + 4 evaluations instead of 4; class images and references are drawn once either way.
    assert found.alone.images - found.images == 3 * EVALUATION
    assert found.alone.steps_shared == found.steps_alone == (2 + 4 + 8) * 12
