"""A plan in words."""

from __future__ import annotations

from typing import Any

from dbsweep.plan.plan import make_plan
from dbsweep.plan.rates import Rates
from dbsweep.plan.text import TREE_LINES, plan_lines
from tests.plan.experiments import experiment

RATES = Rates(weight_bytes=10**9, state_bytes=10**9, seconds_per_step=1.0, seconds_per_unet_pass=0.0)


def lines(rates: Rates = RATES, **search: Any) -> list[str]:
    return plan_lines(make_plan(experiment(search=search, train={"resolution": 64}), [3], rates))


def test_a_small_plan_word_for_word():
    found = lines(epochs=[20, 40], text_encoder_ratio=[0.5, 1], learning_rate=[1e-6])
    assert found == [
        "4 trials on 3 branches",
        "  epochs: 20, 40",
        "  text_encoder_ratio: 0.5, 1",
        "",
        "b01",
        "    steps 1–30           UNet and text encoder  t001 t002 t003 t004",
        "    steps 31–60          UNet and text encoder  t002 t003 t004",
        "    steps 61–120         UNet alone             t003",
        "  b02 from b01 at step 30",
        "      steps 31–60          UNet alone             t001",
        "  b03 from b01 at step 60",
        "      steps 61–120         UNet and text encoder  t004",
        "",
        "steps   210 instead of 360 without sharing (1.7×)",
        # 3 × 25 class images, 48 + 16 references, 7 or 12 evaluations of 12; four finalists draw 12 more of 3 prompts
        "images  223 (without sharing 283), and at most 144 to tell the best apart",
        "disk    11 GB (without sharing 14 GB)",  # 7 checkpoints, 2 forks, 2 to resume; 12 and 2
        "time    about 4 min (without sharing about 6 min)",
        "",
        "note: scheduler outrun: from epoch 10 on a branch ends once another one is surely ahead of it at the same "
        "epoch, so the plan's figures are upper bounds",
        "note: 2 of 4 trials have fewer than 3 checkpoints, too few to see when overtraining begins; "
        "lower evaluate.every_epochs (10)",
        "note: 7 checkpoints of 1.0 GB, 2 of them with 1.0 GB of state to fork from; 2 states of 1.0 GB to resume from",
    ]


def test_a_rate_that_changes_is_told_at_its_stage():
    found = lines(
        lr_step_rules=["1", "1:10,0.1"], lr_scheduler="piecewise_constant", text_encoder_ratio=[0], epochs=[20]
    )
    assert found[:10] == [
        "2 trials on 2 branches",
        "  lr_step_rules: 1, 1:10,0.1",
        "",
        "b01",
        "    steps 1–10           UNet alone             t001 t002",
        "    steps 11–60          UNet alone             t001",
        "  b02 from b01 at step 10",
        "      steps 11–60          UNet alone, rate × 0.1 t002",
        "",
        "steps   110 instead of 120 without sharing (1.1×)",
    ]


def test_other_swept_settings_stand_at_the_roots_as_in_the_file():
    found = lines(learning_rate=[1e-6, 2e-5], precision=["fp32", "bf16"], epochs=[30])
    assert "b01 learning_rate 1e-6, precision fp32" in found
    assert "b04 learning_rate 2e-5, precision bf16" in found


def test_a_large_tree_is_cut():
    found = lines(seed=list(range(300)), epochs=[30], text_encoder_ratio=[1])
    assert "  … 560 more lines" in found
    assert sum(line.startswith(("b", "    steps")) for line in found) == TREE_LINES
    assert "  seed: 0, 1, 2, 3, 4, 5, 6, 7, … 292 more" in found


def test_many_trials_of_one_stage_are_cut():
    found = lines(epochs=[10, 20, 30, 40, 50, 60, 70, 80], text_encoder_ratio=[1])
    assert any(line.endswith("t001 t002 t003 t004 t005 t006 … 2 more") for line in found)


def test_without_sharing_or_rates_nothing_is_claimed():
    found = lines(Rates(weight_bytes=1, state_bytes=1), epochs=[30])
    assert "1 trial on 1 branch" in found
    assert "steps   90" in found
    assert "time    not known for this model and machine" in found
