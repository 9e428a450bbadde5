"""What MLflow is told: figures at their steps, and no secret."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

from dbsweep.records.choice import Overrule
from dbsweep.records.plan import TrialPath
from dbsweep.selection.utility import utility_of
from dbsweep.tracking.entries import PARAM_LENGTH, run_key, run_params, run_tags, trial_points, trial_tags
from dbsweep.tracking.mlflow_log import MlflowTracker
from tests.reports.synthetic import Synthetic, with_two_subjects
from tests.tracking.records import STARTED, make_record
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


def test_the_figures_of_a_checkpoint_are_under_their_names(output: Path) -> None:
    record = make_record(output / "demo")
    point = trial_points(record, "t002", output / "demo")[1]
    nan = point.metrics["instance_loss"]
    assert math.isnan(nan)
    assert point.metrics == {
        "epoch": 2,
        "loss": 0.05,
        "instance_loss": nan,
        "prior_loss": 0.1,
        "learning_rate": 1e-4,
        "grad_norm": 1.0,
        "text_encoder_learning_rate": 5e-5,
        "steps_per_s": 5.0,
        "images_per_s": 10.0,
        "memory_bytes": 1,
    }
    card = record.scorecards["b01-000020"]
    assert (point.scores["identity"], point.scores["utility"]) == (0.2, utility_of(record).value_of(card))


def test_a_point_is_as_old_as_its_pictures_and_without_them_as_the_run(output: Path) -> None:
    record = make_record(output / "demo")
    picture = output / "demo" / record.scorecards["b01-000010"].images[0].path
    os.utime(picture, (STARTED + 7, STARTED + 7))
    assert trial_points(record, "t002", output / "demo")[0].timestamp_ms == (STARTED + 7) * 1000
    assert trial_points(record, "t002", output / "gone")[0].timestamp_ms == STARTED * 1000


def test_a_trials_tags_tell_whether_and_where_it_was_chosen(output: Path) -> None:
    record = make_record(output / "demo", finished=True)
    assert trial_tags(record, "t001") == {
        "dbsweep.state": "completed",
        "dbsweep.verdict": "overtrained",
        "dbsweep.evidence": "style fell",
        "dbsweep.onset_step": "10",
        "dbsweep.chosen": "no",
    }
    assert trial_tags(record, "t002") == {"dbsweep.state": "completed", "dbsweep.chosen": "20"}


def test_the_reason_of_a_trial_is_what_ended_the_first_branch_that_it_needs(output: Path) -> None:
    record = make_record(output / "demo", steps=1, failures={"b01": "out of memory", "b02": "never begun"})
    through = TrialPath(trial="t003", segments=(("b01", 20), ("b02", 40)), end_step=40)
    plan = record.plan.model_copy(update={"paths": (*record.plan.paths[:2], through)})
    tags = trial_tags(record.model_copy(update={"plan": plan}), "t003")
    assert tags["dbsweep.reason"] == "out of memory"


def test_a_runs_tags_tell_the_choice_and_why_a_person_took_another(output: Path) -> None:
    record = make_record(output / "demo", finished=True)
    assert record.choice is not None
    mine = Overrule(candidate=record.choice.best, because="sharper", time=0.0)
    choice = {name: value for name, value in run_tags(record).items() if name.startswith("dbsweep.choice")}
    assert choice == {
        "dbsweep.choice.trial": "t002",
        "dbsweep.choice.checkpoint": "b01-000020",
        "dbsweep.choice.step": "20",
        "dbsweep.choice.utility": "0.2000",
        "dbsweep.choice.reason": "the earliest within one standard error",
    }
    told = run_tags(record.model_copy(update={"overrule": mine}))
    assert told == {**run_tags(record), "dbsweep.overrule.because": "sharper"}
    assert run_key(record) != run_key(record.model_copy(update={"started": STARTED + 0.002}))


def test_params_are_short_enough_for_every_store_and_none_is_nothing(output: Path) -> None:
    record = make_record(output / "demo")
    search = {"learning_rate": [1e-6 * i for i in range(1, 200)]}
    params = run_params(record.model_copy(update={"experiment": {**record.experiment, "search": search}}))
    assert len(params["search.learning_rate"]) == PARAM_LENGTH
    assert "None" not in params.values()
