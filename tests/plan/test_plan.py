"""The whole plan: its JSON, its speed, its weight on imports."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from dbsweep.plan.plan import make_plan, plan_json
from dbsweep.records.plan import Plan
from tests.plan.experiments import experiment


def test_the_json_answer_has_the_keys_of_the_contract():
    plan = make_plan(experiment(search={"epochs": [2, 4], "text_encoder_ratio": [1]}), [3])
    answer = plan_json(plan)
    assert list(answer) == ["trials", "branches", "steps_alone", "steps_shared", "images", "disk_bytes"]
    assert all(type(value) is int for value in answer.values())
    assert {key: answer[key] for key in ("trials", "branches", "steps_alone", "steps_shared")} == {
        "trials": 2,
        "branches": 1,
        "steps_alone": 18,
        "steps_shared": 12,
    }


def test_a_plan_survives_json():
    plan = make_plan(experiment(search={"epochs": [2, 4], "text_encoder_ratio": [0.5, 1]}), [3])
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_planning_is_repeatable():
    setup = experiment(search={"samples": 5, "learning_rate": {"loguniform": [1e-6, 1e-4]}, "epochs": [2, 4]})
    assert make_plan(setup, [3]) == make_plan(setup, [3])


@pytest.mark.parametrize(
    "search",
    [
        {"epochs": list(range(1, 101)), "text_encoder_ratio": [i / 100 for i in range(100)]},  # one deep tree
        {"samples": 1000, "learning_rate": {"loguniform": [1e-7, 1e-3]}, "epochs": list(range(10, 20))},  # many small
        {"seed": list(range(10_000))},  # nothing shared
    ],
    ids=["deep", "wide", "unshared"],
)
def test_ten_thousand_trials_are_planned_within_five_seconds(search: dict[str, object]):
    setup = experiment(search=search)
    start = time.process_time()  # of this process, so that a busy machine does not fail the test
    plan = make_plan(setup, [12])
    assert time.process_time() - start < 5
    assert len(plan.trials) > 9_000


@pytest.mark.parametrize("photo_counts", [[], [3, 3], [0]])
def test_photo_counts_must_fit_the_concepts(photo_counts: list[int]):
    with pytest.raises(ValueError, match="1 concepts need as many photo counts above 0"):
        make_plan(experiment(), photo_counts)


def test_planning_imports_nothing_heavy():
    code = (
        "import sys, dbsweep.plan.plan, dbsweep.plan.text, dbsweep.config.loading;"
        "print([m for m in ('numpy', 'torch', 'ray', 'mlflow', 'pandas') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
