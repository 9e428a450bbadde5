"""What a sweep draws, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest

from dbsweep.plan.plan import make_plan
from tests.plan.costs import EVALUATION, RATES, REFERENCES, cost, small
from tests.plan.experiments import CONCEPT


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
    without = cost(small(concepts=[CONCEPT, {**second, "class_images": {"enabled": False}}]), (12, 20))
    assert without.images == together.images - 20 * 2 + 12 * 2
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
    four = cost(small(evaluate=evaluate, search={"learning_rate": [1e-6, 1e-5, 1e-4, 1e-3]}))
    assert four.race_images == 4 * 3 * 6  # of eight checkpoints
    assert cost(small(evaluate=evaluate, search={"epochs": [2]})).race_images == 0  # one checkpoint races nobody


def test_spaced_looks_and_the_late_ones_at_their_most():
    evaluate = {"race": {"enabled": False}}
    every = cost(small(evaluate={"every_epochs": 1, **evaluate}))
    spaced = cost(small(evaluate={"every_epochs": 1, "look_every": 2, **evaluate}))
    assert every.images - spaced.images == 2 * EVALUATION  # in training two of four epochs
    assert (every.race_images, spaced.race_images) == (0, 2 * EVALUATION)  # and at most the other two at the end
    many = cost(small(evaluate={"every_epochs": 1, "look_every": 2, **evaluate}, search={"epochs": [40]}))
    assert many.race_images == 8 * EVALUATION  # both sides of two, in two rounds


def test_shared_checkpoints_are_evaluated_once():
    search = {"epochs": [2, 4, 8], "text_encoder_ratio": [1]}
    assert cost(small(search=search)).images == 12 * 2 + REFERENCES + 4 * EVALUATION


def test_grids_draw_every_cell_with_every_seed():
    scale = {"axis": "guidance_scale", "values": [3, 5, 7]}
    weight = {"axis": "prompt_weight", "word": "man", "values": [0.8, 1.0]}
    grids = [{"prompt": "a man", "x": scale, "y": weight, "seeds": [1, 2]}, {"prompt": "a", "x": scale}]
    assert cost(small(grids=grids)).images - cost(small()).images == 3 * 2 * 2 + 3
    checkpoints = {"axis": "checkpoint", "values": ["base", "best", 4]}
    varied = [{"prompt": "a man", "x": scale, "z": checkpoints, "seeds": [1, 2]}]
    assert cost(small(grids=varied)).images - cost(small()).images == 3 * 3 * 2
    merges = {"axis": "merge_ratio", "into": "custom.safetensors", "values": [0, 0.5, 0.75, 0.95]}
    merged = [{"prompt": "a man", "x": scale, "y": merges}]
    assert cost(small(grids=merged)).images - cost(small()).images == 3 * 4
    words = {"axis": "words", "values": ["man", "elf", "dog", "cat"]}
    replaced = [{"prompt": "a man", "x": words, "y": scale, "seeds": [1, 2]}]
    found, plain = cost(small(grids=replaced)), cost(small())
    assert found.images - plain.images == 4 * 3 * 2
    assert found.seconds is not None
    assert plain.seconds is not None
    assert found.seconds - plain.seconds == pytest.approx(24 * 40 * 0.01)
