"""MLflow knows everything once, however often it is told, and its absence stops nothing."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from PIL import Image

from dbsweep import __version__
from dbsweep.config.schema import Tracking
from dbsweep.records.choice import Overrule
from dbsweep.records.names import Metric, TrialState
from dbsweep.records.results import Score
from dbsweep.records.run import RunRecord
from dbsweep.tracking.client import default_uri
from dbsweep.tracking.mlflow_log import MlflowTracker
from tests.reports.synthetic import Synthetic, with_two_subjects
from tests.tracking.records import STARTED, make_record

SETTINGS = Tracking()


def runs_in(output: Path) -> dict[str, Any]:
    client = MlflowClient(tracking_uri=default_uri(output))
    experiment = client.get_experiment_by_name("dbsweep")
    assert experiment is not None
    assert experiment.artifact_location == (output / "mlartifacts").as_uri()
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def history(output: Path, run_id: str, metric: str) -> list[tuple[int, float]]:
    client = MlflowClient(tracking_uri=default_uri(output))
    return sorted((point.step, point.value) for point in client.get_metric_history(run_id, metric))


def pictures(output: Path, run_id: str) -> list[str]:
    client = MlflowClient(tracking_uri=default_uri(output))
    return sorted(file.path for file in client.list_artifacts(run_id, "images"))


def test_a_run_and_its_trials(output: Path) -> None:
    assert MlflowTracker(SETTINGS, output).sync(make_record(output / "demo"), output / "demo").worked
    runs = runs_in(output)
    assert set(runs) == {"demo", "t001", "t002"}  # t003 has not started
    parent, first, second = runs["demo"], runs["t001"], runs["t002"]
    assert {run.data.tags["mlflow.parentRunId"] for run in (first, second)} == {parent.info.run_id}
    assert first.data.params == {"epochs": "2", "learning_rate": "0.0001"}
    assert parent.data.params["train.resolution"] == "512"
    assert parent.data.tags["dbsweep.version"] == __version__
    assert parent.data.tags["dbsweep.base_sha256"] == "ba5e" * 16
    assert history(output, first.info.run_id, "identity") == [(10, 0.1), (20, 0.2)]
    assert history(output, second.info.run_id, "identity") == [(10, 0.1), (20, 0.2), (30, 0.3)]
    assert math.isnan(history(output, second.info.run_id, "instance_loss")[0][1])
    assert (first.data.tags["dbsweep.verdict"], first.data.tags["dbsweep.onset_step"]) == ("overtrained", "10")
    assert (parent.info.status, first.info.status) == ("RUNNING", "FINISHED")


def test_a_store_whose_driver_is_not_installed_is_one_line(output: Path) -> None:
    settings = Tracking(uri="mssql+pyodbc://me:secret@localhost/runs")
    status = MlflowTracker(settings, output).sync(make_record(output / "demo"), output / "demo")
    assert status.reason == ("MLflow at mssql+pyodbc://localhost/runs: No module named 'pyodbc': install this package")


def test_every_step_s_figures_are_told_at_their_steps(output: Path) -> None:
    MlflowTracker(SETTINGS, output).sync(make_record(output / "demo", steps=2), output / "demo")
    run = runs_in(output)["t002"].info.run_id
    assert history(output, run, "steps/loss") == [(5, 0.5), (10, 0.1), (15, 0.5), (20, 0.05)]
    assert history(output, run, "steps/text_encoder_learning_rate") == [(5, 5e-5), (10, 0.0), (15, 5e-5), (20, 0.0)]
    for name in ("instance_loss", "prior_loss", "grad_norm", "learning_rate", "images_per_s"):
        assert [step for step, _ in history(output, run, f"steps/{name}")] == [5, 10, 15, 20]
    for name in ("images_per_s", "text_encoder_learning_rate", "memory_bytes"):
        assert [step for step, _ in history(output, run, name)] == [10, 20]


def test_pictures_are_a_sheet_a_step(output: Path) -> None:
    MlflowTracker(SETTINGS, output).sync(make_record(output / "demo", steps=2), output / "demo")
    run = runs_in(output)["t002"]
    files = [name for name in pictures(output, run.info.run_id) if name.endswith(".png")]
    assert [name.split("+")[:3] for name in files] == [
        ["images/samples", "step", "10"],
        ["images/samples", "step", "20"],
    ]
    assert run.data.tags["mlflow.loggedImages"] == "True"
    with Image.open(output / "mlartifacts" / run.info.run_id / "artifacts" / files[0]) as sheet:
        assert sheet.size == (2 * 192 + 4, 2 * 192 + 4)  # two prompts, two seeds
        assert [sheet.getpixel(at) for at in ((5, 5), (300, 5), (5, 300), (300, 300))] == [
            (0, 10, 10),
            (60, 10, 10),
            (120, 10, 10),
            (180, 10, 10),
        ]


@pytest.mark.parametrize("same_tracker", [True, False])
def test_telling_more_and_again_logs_each_thing_once(output: Path, same_tracker: bool) -> None:
    folder = output / "demo"
    tracker = MlflowTracker(SETTINGS, output)
    for steps in (0, 1, 1, 3, 3):
        tracker = tracker if same_tracker else MlflowTracker(SETTINGS, output)
        assert tracker.sync(make_record(folder, steps=steps), folder).worked
    run = runs_in(output)["t002"]
    assert [step for step, _ in history(output, run.info.run_id, "loss")] == [10, 20, 30]
    assert len(pictures(output, run.info.run_id)) == 2 * 3


@pytest.mark.parametrize("same_tracker", [True, False])
def test_a_late_look_is_added_to_its_step_once(output: Path, same_tracker: bool) -> None:
    folder = output / "demo"
    record = passing_over(make_record(folder), step=20)
    unseen = record.model_copy(
        update={"scorecards": {k: v for k, v in record.scorecards.items() if v.checkpoint != "b01-000020"}}
    )
    tracker = MlflowTracker(SETTINGS, output)
    for told in (unseen, record, record):
        tracker = tracker if same_tracker else MlflowTracker(SETTINGS, output)
        assert tracker.sync(told, folder).worked
    run = runs_in(output)["t002"]
    assert [step for step, _ in history(output, run.info.run_id, "loss")] == [10, 20, 30]
    assert history(output, run.info.run_id, "identity") == [(10, 0.1), (20, 0.2), (30, 0.3)]
    assert len(pictures(output, run.info.run_id)) == 2 * 3
    assert run.data.tags["dbsweep.step"] == "30"


def passing_over(record: RunRecord, step: int) -> RunRecord:
    """The record with a plan that does not look at a step in training."""
    (branch,) = record.plan.branches
    spaced = tuple(m.model_copy(update={"evaluate": m.step != step}) for m in branch.milestones)
    plan = record.plan.model_copy(update={"branches": (branch.model_copy(update={"milestones": spaced}),)})
    return record.model_copy(update={"plan": plan})


def test_a_step_that_was_half_told_is_told_again_without_duplicates(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, record = output / "demo", make_record(output / "demo")
    tracker = MlflowTracker(SETTINGS, output)
    real, calls = MlflowClient.log_batch, []

    def breaks(self: MlflowClient, run_id: str, **batch: Any) -> None:
        if batch.get("metrics"):
            calls.append(run_id)
            if len(calls) == 2:
                real(self, run_id, metrics=batch["metrics"])  # the metrics arrive, the tag does not
                raise OSError("connection lost")
        real(self, run_id, **batch)

    monkeypatch.setattr(MlflowClient, "log_batch", breaks)
    status = tracker.sync(record, folder)
    assert not status.worked
    assert "connection lost" in status.reason
    assert tracker.sync(record, folder).worked
    for name, steps in (("t001", [10, 20]), ("t002", [10, 20, 30])):
        run = runs_in(output)[name]
        assert [step for step, _ in history(output, run.info.run_id, "loss")] == steps
        assert len(pictures(output, run.info.run_id)) == 2 * len(steps)


def test_the_end_brings_choice_report_and_states(output: Path) -> None:
    folder = output / "demo"
    (folder / "report").mkdir()
    (folder / "report" / "index.html").write_text("<p>report</p>")
    record = make_record(folder, finished=True)
    record = record.model_copy(update={"states": {**record.states, "t001": TrialState.INTERRUPTED}})
    MlflowTracker(SETTINGS, output).sync(record, folder)
    runs = runs_in(output)
    parent = runs["demo"]
    assert parent.data.tags["dbsweep.choice.trial"] == "t002"
    assert parent.data.tags["dbsweep.choice.step"] == "20"
    assert (runs["t002"].data.tags["dbsweep.chosen"], runs["t001"].data.tags["dbsweep.chosen"]) == ("20", "no")
    assert (parent.info.status, parent.info.end_time) == ("FINISHED", int((STARTED + 60) * 1000))
    assert runs["t001"].info.status == "KILLED"
    report = output / "mlartifacts" / parent.info.run_id / "artifacts" / "report" / "index.html"
    assert report.read_text() == "<p>report</p>"


def test_the_parent_has_the_scores_of_what_is_kept_and_of_what_the_person_keeps_instead(output: Path) -> None:
    folder = output / "demo"
    record = make_record(folder, finished=True)
    assert record.choice is not None
    best = record.choice.best
    closer = record.scorecards["b01-000020"].model_copy(
        update={"scores": {metric: Score(value=0.15, low=0.1, high=0.2, samples=(0.15,)) for metric in Metric}}
    )
    record = record.model_copy(update={"further": {8: {"b01-000020": closer}}})  # the race drew more of it
    other = best.model_copy(update={"checkpoint": "b01-000010", "step": 10, "epoch": 1})
    overruled = record.model_copy(update={"overrule": Overrule(candidate=other, because="sharper", time=STARTED + 99)})
    shown = []
    for told in (make_record(folder), record, record, overruled):
        assert MlflowTracker(SETTINGS, output).sync(told, folder).worked
        shown.append(runs_in(output)["demo"].data.metrics.get("identity"))
    assert shown == [None, 0.15, 0.15, 0.1]
    parent = runs_in(output)["demo"]
    assert parent.data.tags["dbsweep.overrule.because"] == "sharper"
    assert history(output, parent.info.run_id, "utility")[0][0] == 0


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


def test_no_secret_is_logged(output: Path) -> None:
    MlflowTracker(SETTINGS, output).sync(make_record(output / "demo"), output / "demo")
    logged = repr([(run.data.params, run.data.tags) for run in runs_in(output).values()])
    assert "minisd" in logged
    assert "secret" not in logged


def test_an_unreachable_server_is_a_status_without_the_password(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings = Tracking(uri="http://user:secret@127.0.0.1:9")
    begun = time.monotonic()
    status = MlflowTracker(settings, output).sync(make_record(output / "demo"), output / "demo")
    assert not status.worked
    assert status.reason.startswith("MLflow at http://127.0.0.1:9:")
    assert "secret" not in status.reason
    assert time.monotonic() - begun < 20


def test_a_damaged_store_is_a_status(output: Path) -> None:
    (output / "mlflow.db").write_text("no database")
    status = MlflowTracker(SETTINGS, output).sync(make_record(output / "demo"), output / "demo")
    assert not status.worked
    assert "\n" not in status.reason
