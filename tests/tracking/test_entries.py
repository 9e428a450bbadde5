"""What MLflow is told: figures at their steps, and no secret."""

from __future__ import annotations

import json
from pathlib import Path

from dbsweep.tracking.entries import run_params
from dbsweep.tracking.mlflow_log import MlflowTracker
from tests.reports.synthetic import Synthetic, with_two_subjects
from tests.tracking.records import make_record
from tests.tracking.store import SETTINGS, history, runs_in


def test_every_step_s_figures_are_told_at_their_steps(output: Path) -> None:
    MlflowTracker(SETTINGS, output).sync(make_record(output / "demo", steps=2), output / "demo")
    run = runs_in(output)["t002"].info.run_id
    assert history(output, run, "steps/loss") == [(5, 0.5), (10, 0.1), (15, 0.5), (20, 0.05)]
    assert history(output, run, "steps/text_encoder_learning_rate") == [(5, 5e-5), (10, 0.0), (15, 5e-5), (20, 0.0)]
    for name in ("instance_loss", "prior_loss", "grad_norm", "learning_rate", "images_per_s"):
        assert [step for step, _ in history(output, run, f"steps/{name}")] == [5, 10, 15, 20]
    for name in ("images_per_s", "text_encoder_learning_rate", "memory_bytes"):
        assert [step for step, _ in history(output, run, name)] == [10, 20]


def test_params_are_what_trials_have_and_what_utilities_mean(output: Path) -> None:
    record = make_record(output / "demo")
    params = run_params(
        record.model_copy(update={"experiment": {**record.experiment, "search": {"epochs": [2, 3], "samples": 1}}})
    )
    assert params["search.epochs"] == "[2, 3]"
    assert "train.epochs" not in params  # 100, the default, which no trial has
    assert params["train.learning_rate"] == "2e-06"
    assert (params["choose.weights.identity"], params["choose.enough_style"], params["verdict.drop"]) == (
        "1.0",
        "0.5",
        "0.15",
    )


def test_no_secret_is_logged(output: Path) -> None:
    MlflowTracker(SETTINGS, output).sync(make_record(output / "demo"), output / "demo")
    logged = repr([(run.data.params, run.data.tags) for run in runs_in(output).values()])
    assert "minisd" in logged
    assert "secret" not in logged


def test_with_several_concepts_the_parent_has_the_scores_of_each(output: Path) -> None:
    both = with_two_subjects(Synthetic(output / "synthetic", rates=(2e-4,), epochs=(20,)).record, (0.8, 0.4))
    experiment = json.loads(json.dumps(both.experiment).replace("zwx", "<zwx>"))  # MLflow takes no brackets in names
    told = both.model_copy(update={"experiment": experiment})
    assert MlflowTracker(SETTINGS, output).sync(told, output / "synthetic").worked
    metrics = runs_in(output)["synthetic"].data.metrics
    assert {name: round(value, 2) for name, value in metrics.items() if name.startswith("concepts.")} == {
        "concepts.0 ohwx/identity": 0.67,
        "concepts.0 ohwx/style": 0.9,
        "concepts.0 ohwx/prior": 0.8,
        "concepts.1 _zwx_/identity": 0.27,
        "concepts.1 _zwx_/style": 0.6,
        "concepts.1 _zwx_/prior": 0.5,
    }
