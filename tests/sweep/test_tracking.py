"""MLflow beside a sweep and after it: a server that is away, or never answers, costs the sweep nothing."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.errors import InputError, ResourceError
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.simulated import UNTRAINED, SimulatedBackend
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep import tracking
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.running import run_experiment
from dbsweep.sweep.tracking import track_run
from dbsweep.tracking.client import default_uri
from tests.sweep.files import write_experiment
from tests.tracking.conftest import empty_store

__all__ = ["empty_store"]


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def absent_server() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


class _Odd(BaseHTTPRequestHandler):
    """Answers in JSON, and not as MLflow does: a gateway, say."""

    def do_GET(self) -> None:
        body = b'{"experiment": 3}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def odd_server() -> Iterator[str]:
    """The address of a server whose answers MLflow's client cannot read."""
    with HTTPServer(("127.0.0.1", 0), _Odd) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbsweep.models.sources.check_source", lambda source: None)
    monkeypatch.setattr(tracking, "INTERVAL_S", 0.05)
    monkeypatch.setattr(tracking, "PATIENCE_S", 0.2)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")


def run_tracked(folder: Path, uri: str | None) -> tuple[RunFolder, str]:
    """A simulated sweep that logs to the address; its folder and what the terminal showed."""
    changes = ["tracking.enabled=true", *([] if uri is None else [f"tracking.uri={uri}"])]
    out = io.StringIO()
    experiment = load_experiment(write_experiment(folder), changes)
    view = TerminalView(Console(file=out, width=400))
    made = run_experiment(experiment, lambda *_: SimulatedBackend(lambda settings, step: UNTRAINED), view)
    return made, out.getvalue()


def test_a_sweep_ends_beside_a_server_that_never_answers(tmp_path: Path, silent_server: str) -> None:
    folder, shown = run_tracked(tmp_path, silent_server)
    record = read_run(folder)
    assert record.finished is not None
    assert set(record.states.values()) == {"completed"}
    assert "Not everything is logged: MLflow took longer than 0.2 s" in shown
    assert f"dbsweep track {folder.path}" in shown


def test_a_sweep_ends_beside_a_server_whose_answers_cannot_be_read(
    tmp_path: Path, odd_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "PATIENCE_S", 60.0)
    folder, shown = run_tracked(tmp_path, odd_server)
    assert read_run(folder).finished is not None
    assert f"Not everything is logged: MLflow at {odd_server}: Failed to parse" in shown
    with pytest.raises(ResourceError, match=r"not everything is logged: .* Failed to parse"):
        track_run(folder)


def test_ctrl_c_ends_the_waiting_for_a_server_and_not_the_run(
    tmp_path: Path, silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: threading.Thread, timeout: float | None = None) -> None:
        if self.name == "mlflow":
            raise KeyboardInterrupt
        join(self, timeout)

    join = threading.Thread.join
    monkeypatch.setattr(threading.Thread, "join", interrupted)
    folder, shown = run_tracked(tmp_path, silent_server)
    assert read_run(folder).finished is not None
    assert (
        f"Not everything is logged: MLflow was not waited for. Log the rest with: dbsweep track {folder.path}" in shown
    )
    assert "dbsweep resume" not in shown


def test_what_an_absent_server_missed_is_logged_later(
    tmp_path: Path, absent_server: str, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "PATIENCE_S", 60.0)
    folder, shown = run_tracked(tmp_path, absent_server)
    assert shown.index(f"MLflow at {absent_server}: ") < shown.index("The run keeps everything") < shown.index("b01")
    assert f"Not everything is logged: MLflow at {absent_server}" in shown
    with pytest.raises(ResourceError, match=r"not everything is logged: .*start the server and try again"):
        track_run(folder)

    (folder.path.parent / "mlflow.db").write_bytes(empty_store.read_bytes())
    uri = default_uri(folder.path.parent)
    for _ in range(2):
        told = track_run(folder, uri)
        assert told.startswith("All of demo is in MLflow: ")
        assert "mlflow ui" in told
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("dbsweep")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.info.run_name for run in runs) == ["demo", "t001", "t002", "t003", "t004"]
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_of_a_file_that_cannot_be_written_it_is_told_where(tmp_path: Path, absent_server: str) -> None:
    """No server is to be started for it."""
    folder, _ = run_tracked(tmp_path, absent_server)
    (tmp_path / "file").touch()
    advice = (
        rf"see that you may write in {tmp_path}/file \(and to m\.db if it is there\) and that its disk has room, or"
    )
    with pytest.raises(ResourceError, match=rf"not everything is logged: .*; {advice} give --uri$") as caught:
        track_run(folder, f"sqlite:///{tmp_path}/file/m.db")
    assert "server" not in str(caught.value)


def test_an_address_that_can_be_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--uri must be an address that MLflow knows, got 'localhost:5000'"):
        track_run(RunFolder(tmp_path / "runs" / "small"), "localhost:5000")


def test_an_empty_address_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="--uri must name an MLflow store, got ''; leave it out"):
        track_run(RunFolder(tmp_path / "runs" / "small"), "")
    assert not list(tmp_path.iterdir())  # MLflow would have made a store here
