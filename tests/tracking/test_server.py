"""A real MLflow server that comes late, freezes and dies: in the end it knows everything once and in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from dbsweep.config.schema import Tracking
from dbsweep.records.names import TrialState
from dbsweep.records.run import RunRecord
from dbsweep.tracking.address import absence
from dbsweep.tracking.mlflow_log import MlflowTracker
from tests.tracking.records import make_record
from tests.tracking.server import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def server(output: Path) -> Iterator[Server]:
    """Not yet started, over the empty store of the output folder."""
    server = Server(output)
    yield server
    server.kill()


def live_runs(uri: str) -> dict[str, list[Any]]:
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("dbsweep")
    assert experiment is not None
    found: dict[str, list[Any]] = {}
    for run in client.search_runs([experiment.experiment_id]):
        found.setdefault(run.info.run_name, []).append(run)
    return found


def history(uri: str, run: Any, metric: str) -> list[tuple[int, float]]:
    points = MlflowClient(tracking_uri=uri).get_metric_history(run.info.run_id, metric)
    return [(point.step, point.value) for point in points]


def before_the_first_checkpoint(run: Path) -> RunRecord:
    record = make_record(run, steps=0)
    return record.model_copy(update={"states": dict.fromkeys(record.states, TrialState.PENDING)})


def test_a_server_that_comes_late_freezes_and_dies_knows_everything_once(
    output: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    folder = output / "demo"
    tracker = MlflowTracker(Tracking(uri=server.uri), output)
    assert not tracker.sync(before_the_first_checkpoint(folder), folder).worked  # not there at the start

    assert absence(server.uri) is not None

    server.start()
    assert absence(server.uri, patience_s=30.0) is None
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")  # a busy machine is slow, not frozen
    assert tracker.sync(before_the_first_checkpoint(folder), folder).worked

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    server.freeze()
    status = tracker.sync(make_record(folder, steps=1), folder)  # the run of t001 is asked for twice, unanswered
    assert "timed out" in status.reason.lower()
    server.thaw()

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    assert tracker.sync(make_record(folder, steps=1), folder).worked
    server.kill()
    assert not tracker.sync(make_record(folder, steps=2), folder).worked

    server.start()
    resumed = MlflowTracker(Tracking(uri=server.uri), output)  # as another process would
    record = make_record(folder, steps=3, finished=True)
    for _ in range(2):
        assert resumed.sync(record, folder).worked
    runs = live_runs(server.uri)
    assert {name: len(found) for name, found in runs.items()} == {"demo": 1, "t001": 1, "t002": 1}
    assert history(server.uri, runs["t001"][0], "identity") == [(10, 0.1), (20, 0.2)]
    assert history(server.uri, runs["t002"][0], "identity") == [(10, 0.1), (20, 0.2), (30, 0.3)]
    assert runs["demo"][0].info.status == "FINISHED"
