"""Addresses that can be no store are refused, of stores that are away it is told why, and MLflow is not loaded."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.error import URLError

import pytest

from dbsweep.errors import InputError
from dbsweep.tracking.address import absence, check_uri


@pytest.mark.parametrize(
    "uri",
    [
        "http://server:5000",
        "https://me:secret@server/mlflow",
        "http://[::1]:5000",
        "sqlite:////tmp/mlflow.db",
        "sqlite:///mlflow.db",
        "postgresql+psycopg://me:secret@server/runs",
        "postgresql://me:a/password#of?all@server:5432/runs",  # as SQLAlchemy takes it
        "mysql://server/runs",
        "databricks",
        "databricks://profile",
    ],
)
def test_an_address_that_may_be_a_store_is_taken(uri: str) -> None:
    check_uri(uri, "tracking.uri")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("sqlite://", "must name a file, or it is lost with the process, got 'sqlite://'"),
        ("sqlite:///", "must name a file, or it is lost with the process"),
        ("sqlite:////tmp", "must name a file, not a folder"),
        ("sqlite:mlflow.db", "must be an address that MLflow knows"),
        ("localhost:5000", "must be an address that MLflow knows, got 'localhost:5000': give an MLflow server"),
        ("htp://me:secret@server", "must be an address that MLflow knows, got 'htp://server'"),
        ("http:/server", "must name a server"),
        ("http://", "must name a server"),
        ("http://my server", "must name a server"),
        ("http://server:99999", "Port out of range"),
        ("http://me:sec/ret@server", "must have / ? # in its password written as %2F %3F %23, got 'http://server'"),
        ("http://[server", "Invalid IPv6 URL"),
        (
            "postgresql://me:sec/ret@server:mlflow/runs",
            "(Port could not be cast to integer value as 'mlflow'), got 'pos",
        ),
        ("postgresql://me:secret@server:mlflow/runs", "must be an address (Port could not be cast to integer"),
        ("./mlruns", "must not be a folder, where MLflow keeps nothing"),
        ("file:///mlruns", "must not be a folder, where MLflow keeps nothing"),
    ],
)
def test_an_address_that_can_be_no_store_is_refused(uri: str, message: str) -> None:
    with pytest.raises(InputError, match=r"^tracking\.uri ") as refused:
        check_uri(uri, "tracking.uri")
    assert message in str(refused.value)
    assert "sec" not in str(refused.value)


def test_a_folder_is_taken_by_those_who_have_told_mlflow_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    check_uri("./mlruns", "tracking.uri")


def test_a_store_of_a_plugin_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cloud-1.dist-info").mkdir()
    (tmp_path / "cloud-1.dist-info" / "entry_points.txt").write_text("[mlflow.tracking_store]\ncloudml = cloud:Store\n")
    (tmp_path / "cloud-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: cloud\nVersion: 1\n")
    with pytest.raises(InputError, match="must be an address that MLflow knows"):
        check_uri("cloudml://workspace", "tracking.uri")
    monkeypatch.syspath_prepend(tmp_path)
    check_uri("cloudml://workspace", "tracking.uri")


@pytest.fixture(params=[200, 401, 404])
def answering(request: pytest.FixtureRequest) -> Iterator[tuple[int, str]]:
    """A server's only answer, and its address with a password."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield request.param, f"http://me:secret@127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_who_answers_at_all_is_there_unless_it_knows_nothing_of_mlflow(answering: tuple[int, str]) -> None:
    status, uri = answering
    told = absence(uri, patience_s=30.0)
    if status == 404:
        assert told is not None
        assert "another server answers (HTTP Error 404" in told
        assert "secret" not in told
    else:
        assert told is None


def test_a_server_that_is_away_is_told_of_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    told = absence(f"http://127.0.0.1:{port}")
    assert told is not None
    assert told.startswith(f"MLflow at http://127.0.0.1:{port}: ")
    assert "refused" in told


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (ssl.SSLCertVerificationError("certificate verify failed: self-signed certificate"), None),
        (ssl.SSLError("unsafe legacy renegotiation"), None),
        (socket.gaierror("Name or service not known"), "MLflow at https://server: Name or service not known"),
    ],
)
def test_whose_certificate_is_trusted_is_left_to_mlflow(
    monkeypatch: pytest.MonkeyPatch, reason: OSError, told: str | None
) -> None:
    """By MLFLOW_TRACKING_INSECURE_TLS or a bundle of the person's own, which are not looked at here."""

    def refuse(*_: object, **__: object) -> None:
        raise URLError(reason)

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    assert absence("https://me:secret@server", patience_s=60.0) == told


def test_a_server_that_never_answers_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        begun = time.monotonic()
        assert absence(f"http://127.0.0.1:{listener.getsockname()[1]}", patience_s=0.2) is not None
        assert time.monotonic() - begun < 10.0


def test_a_database_whose_driver_is_not_installed_is_told_of() -> None:
    told = absence("mssql+pyodbc://me:secret@localhost/runs", patience_s=60.0)
    assert told == "MLflow at mssql+pyodbc://localhost/runs: No module named 'pyodbc': install this package"


def test_a_file_is_there_as_soon_as_it_is_written_to(tmp_path: Path) -> None:
    assert absence(f"sqlite:///{tmp_path}/new/mlflow.db", patience_s=60.0) is None
    assert not list(tmp_path.iterdir())


def test_mlflow_is_not_loaded() -> None:
    code = """
import sys
from dbsweep.tracking.address import absence, check_uri
check_uri("http://127.0.0.1:9", "tracking.uri")
absence("http://127.0.0.1:9")
sys.exit("mlflow" in sys.modules or "sqlalchemy" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
