"""Images, disk and time, with the arithmetic shown."""

from __future__ import annotations

from typing import Any

import pytest

from dbsweep.config.schema import Experiment
from dbsweep.plan.cost import LONE_IMAGE
from dbsweep.plan.plan import make_plan
from dbsweep.plan.rates import Rates
from dbsweep.records.plan import Cost
from tests.plan.experiments import CONCEPT, experiment

RATES = Rates(weight_bytes=10**9, state_bytes=10**10, seconds_per_step=1.0, seconds_per_unet_pass=0.01, workers=1)
# One instance, one sanity and one class prompt, four seeds each.
EVALUATION = (1 + 1 + 1) * 4
# The base model draws the same, and the instance prompt once more with its token.
REFERENCES = EVALUATION + 4


def cost(setup: Experiment, photos: tuple[int, ...] = (12,), rates: Rates = RATES) -> Cost:
    return make_plan(setup, photos, rates).cost


def small(**changes: Any) -> Experiment:
    sections: dict[str, Any] = {
        "train": {"epochs": 4, "text_encoder_ratio": 1, "class_images_per_instance": 2, "resolution": 64},
        "evaluate": {"every_epochs": 2, "race": {"enabled": False}},
    }
    return experiment(**{**sections, **changes})


def test_images_are_class_images_references_and_evaluations():
    assert cost(small()).images == 12 * 2 + REFERENCES + 2 * EVALUATION


def test_class_images_are_drawn_once_for_the_most_demanding_trial():
    search = {"class_images_per_instance": [0, 5, 3], "prior_loss_weight": [0, 1]}
    # Without the prior's loss none are needed: 0 and any weight, or weight 0, is one branch; 3 and 5 are two.
    assert cost(small(search=search)).images == 12 * 5 + REFERENCES + 3 * 2 * EVALUATION
    assert cost(small(search={"prior_loss_weight": [0]})).images == REFERENCES + 2 * EVALUATION


@pytest.mark.parametrize(("own", "drawn"), [(0, 24), (10, 14), (24, 0), (30, 0)])
def test_own_class_images_need_not_be_drawn(own: int, drawn: int):
    plan = make_plan(small(), (12,), RATES, class_images=(own,))
    assert plan.cost.images == drawn + REFERENCES + 2 * EVALUATION


def test_concepts_with_one_class_share_its_images():
    second: dict[str, Any] = {
        key: str(value).replace("ohwx", "zwx") for key, value in CONCEPT.items() if key != "sanity_prompts"
    }
    second |= {"sanity_prompts": ["zwx man in neon", "zwx man in ink"]}
    evaluation = (1 + 1 + 1 + 1 + 2 + 1) * 4
    together = cost(small(concepts=[CONCEPT, second]), (12, 20))
    assert together.images == 20 * 2 + 3 * evaluation + 2 * 4  # two tokens
    # 32 photos are an epoch of 32 steps.
    assert together.steps_shared == 4 * 32
    apart = cost(small(concepts=[CONCEPT, {**second, "class_prompt": "picture of man"}]), (12, 20))
    assert apart.images == (12 + 20) * 2 + 3 * evaluation + 2 * 4


def test_contexts_are_drawn_of_subject_and_class():
    # (3 more of each kind) · 4 seeds · (references and two evaluations)
    evaluate = {"every_epochs": 2, "race": {"enabled": False}, "contexts": ["blue background", "close up", "in red"]}
    assert cost(small(evaluate=evaluate)).images - cost(small()).images == 2 * 3 * 4 * 3


def test_the_race_is_forecast_at_its_most():
    evaluate = {"every_epochs": 2, "race": {"images_per_prompt": 10}}
    found, plain = cost(small(evaluate=evaluate)), cost(small())
    assert found.race_images == 2 * 3 * (10 - 4)  # two checkpoints, three prompts, six further seeds
    assert found.images - plain.images == (3 + 1) * (10 - 4)  # of the base model, drawn at once; one with the token
    assert found.seconds is not None
    assert plain.seconds is not None
    assert found.seconds - plain.seconds == pytest.approx((36 + 24) * 40 * 0.01)
    assert plain.race_images == 0
    six = cost(small(evaluate=evaluate, search={"learning_rate": [1e-6, 1e-5, 1e-4, 1e-3]}))
    assert six.race_images == 6 * 3 * 6  # of eight checkpoints


def test_spaced_looks_and_the_late_ones_at_their_most():
    evaluate = {"race": {"enabled": False}}
    every = cost(small(evaluate={"every_epochs": 1, **evaluate}))
    spaced = cost(small(evaluate={"every_epochs": 1, "look_every": 2, **evaluate}))
    assert every.images - spaced.images == 2 * EVALUATION  # in training two of four epochs
    assert (every.race_images, spaced.race_images) == (0, 2 * EVALUATION)  # and at most the other two at the end
    many = cost(small(evaluate={"every_epochs": 1, "look_every": 2, **evaluate}, search={"epochs": [40]}))
    assert many.race_images == 8 * EVALUATION  # both sides of two, in two rounds


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


def test_shared_checkpoints_are_evaluated_once():
    search = {"epochs": [2, 4, 8], "text_encoder_ratio": [1]}
    assert cost(small(search=search)).images == 12 * 2 + REFERENCES + 4 * EVALUATION


def test_each_resolution_has_its_own_class_images_and_all_are_drawn_at_one():
    found = cost(small(search={"resolution": [64, 128]}))
    class_images, drawn = 12 * 2, REFERENCES + 4 * EVALUATION
    assert found.images == 2 * class_images + drawn
    pixels = class_images * (64**2 + 128**2) + drawn * 64**2  # as train.resolution is 64
    # Two branches of two checkpoints, the last one with two states to resume from.
    assert found.disk_bytes == 4 * 10**9 + 2 * 10**10 + round(pixels * 1.7)


def test_grids_draw_every_cell_with_every_seed():
    scale = {"axis": "guidance_scale", "values": [3, 5, 7]}
    weight = {"axis": "prompt_weight", "word": "man", "values": [0.8, 1.0]}
    grids = [{"prompt": "a man", "x": scale, "y": weight, "seeds": [1, 2]}, {"prompt": "a", "x": scale}]
    assert cost(small(grids=grids)).images - cost(small()).images == 3 * 2 * 2 + 3


def test_disk_is_weights_states_and_images():
    # Checkpoints at epochs 2 and 4 (trunk), fork at 1, and at 2 and 4 on the fork; a state at the fork, two to resume.
    setup = small(search={"text_encoder_ratio": [0.25, 1]})
    found = cost(setup)
    image_bytes = round(found.images * 64 * 64 * 1.7)
    assert found.disk_bytes == 5 * 10**9 + (1 + 2) * 10**10 + image_bytes


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


def test_alone_is_every_trial_by_itself_with_the_same_inputs():
    found = cost(small(search={"epochs": [2, 4, 8], "text_encoder_ratio": [1]}))
    assert found.alone is not None
    # 1 + 2 + 4 evaluations instead of 4; class images and references are drawn once either way.
    assert found.alone.images - found.images == 3 * EVALUATION
    assert found.alone.steps_shared == found.steps_alone == (2 + 4 + 8) * 12
