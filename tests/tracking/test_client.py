"""Stores are named absolutely, and one command shows them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dbsweep.tracking.client import artifact_location, default_uri, set_environment, ui_command


def test_the_default_store_does_not_depend_on_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_uri(Path("runs")) == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert artifact_location(default_uri(Path("runs"))) == f"file://{tmp_path}/runs/mlartifacts"
    assert artifact_location("http://server:5000") is None


@pytest.mark.parametrize(
    ("uri", "command"),
    [
        ("sqlite:////a/mlflow.db", "mlflow ui --host 127.0.0.1 --backend-store-uri sqlite:////a/mlflow.db"),
        ("sqlite:////a b/x.db", "mlflow ui --host 127.0.0.1 --backend-store-uri 'sqlite:////a b/x.db'"),
        ("http://server:5000", "open http://server:5000 in a browser"),
        ("https://me:secret@server/x", "open https://server/x in a browser"),
        (
            "postgresql://me:secret@server/runs",
            "mlflow ui --host 127.0.0.1 --backend-store-uri postgresql://server/runs"
            " (with your user and password in the address)",
        ),
    ],
)
def test_one_command_shows_the_store(uri: str, command: str) -> None:
    assert ui_command(uri) == command


def test_naming_a_store_does_not_import_mlflow() -> None:
    code = "import sys, dbsweep.tracking.mlflow_log as m; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_the_person_has_set_for_mlflow_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "99")
    set_environment()
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "99"
