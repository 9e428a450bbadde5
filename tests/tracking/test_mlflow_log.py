"""MLflow knows everything once, however often it is told, and its absence stops nothing."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from dbsweep import __version__
from dbsweep.config.schema import Tracking
from dbsweep.records.names import TrialState
from dbsweep.tracking.logged import LoggedRun
from dbsweep.tracking.mlflow_log import MlflowTracker
from tests.tracking.records import STARTED, make_record
from tests.tracking.store import SETTINGS, history, run_names, runs_in


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


class _NoCredentialsError(Exception):
    """As botocore's, which MLflow lets through: nothing but Exception is above it."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (_NoCredentialsError("Unable to locate credentials."), "Unable to locate credentials"),
        (KeyError("bucket"), "KeyError 'bucket'"),
        (_NoCredentialsError(), "_NoCredentialsError"),
    ],
)
def test_whatever_a_client_raises_is_a_status_and_the_rest_is_logged_later(
    output: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def refuse(*_: object) -> None:
        raise error

    record, tracker = make_record(output / "demo"), MlflowTracker(SETTINGS, output)
    with monkeypatch.context() as broken:
        broken.setattr(LoggedRun, "add_point", refuse)
        status = tracker.sync(record, output / "demo")
    assert status.reason == f"MLflow at {tracker.uri}: {told}"
    assert tracker.sync(record, output / "demo").worked
    assert history(output, runs_in(output)["t001"].info.run_id, "identity") == [(10, 0.1), (20, 0.2)]


def test_a_run_that_arrived_though_the_server_did_not_say_so_is_not_made_again(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked of the store after any error: what this process knows may be less."""
    made = MlflowClient.create_run

    def answer_too_late(self: MlflowClient, *args: Any, **options: Any) -> Any:
        run = made(self, *args, **options)
        if options["run_name"] == "t001":
            raise TimeoutError("no answer")
        return run

    record, tracker = make_record(output / "demo"), MlflowTracker(SETTINGS, output)
    with monkeypatch.context() as slow:
        slow.setattr(MlflowClient, "create_run", answer_too_late)
        assert not tracker.sync(record, output / "demo").worked
    assert tracker.sync(record, output / "demo").worked
    assert sorted(run_names(output)) == ["demo", "t001", "t002"]


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


@pytest.mark.parametrize(
    ("state", "status", "ended"),
    [
        (TrialState.COMPLETED, "FINISHED", True),
        (TrialState.STOPPED, "FINISHED", True),
        (TrialState.FAILED, "FAILED", True),
        (TrialState.INTERRUPTED, "KILLED", True),
        (TrialState.PENDING, "RUNNING", False),  # what it shares with another trial is there
    ],
)
def test_a_trial_has_ended_as_mlflow_calls_it(output: Path, state: TrialState, status: str, ended: bool) -> None:
    record = make_record(output / "demo", finished=True)
    record = record.model_copy(update={"states": {**record.states, "t002": state}})
    MlflowTracker(SETTINGS, output).sync(record, output / "demo")
    info = runs_in(output)["t002"].info
    assert (info.status, info.end_time) == (status, int((STARTED + 60) * 1000) if ended else None)


def test_of_a_long_error_both_ends_are_told(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("cannot reach it " + "and so forth " * 50 + "because no route to host")

    monkeypatch.setattr(LoggedRun, "add_point", refuse)
    reason = MlflowTracker(SETTINGS, output).sync(make_record(output / "demo"), output / "demo").reason
    told = reason.partition("mlflow.db: ")[2]
    assert told.startswith("cannot reach it ")
    assert told.endswith("because no route to host")
    assert set(told.split()) <= {
        "cannot",
        "reach",
        "it",
        "…",
        "and",
        "so",
        "forth",
        "because",
        "no",
        "route",
        "to",
        "host",
    }
    assert len(told) <= 203


def test_a_long_error_is_not_cut_in_the_middle_of_a_password(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(f"cannot reach http://me:{'secret' * 30}@server, no route to host")

    monkeypatch.setattr(LoggedRun, "add_point", refuse)
    reason = MlflowTracker(SETTINGS, output).sync(make_record(output / "demo"), output / "demo").reason
    assert reason.endswith("cannot reach http://server, no route to host")
