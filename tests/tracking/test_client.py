"""Stores are named absolutely, and one command shows them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dbsweep.tracking.client import artifact_location, default_uri, set_environment, ui_command, without_password


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
    ],
)
def test_one_command_shows_the_store(uri: str, command: str) -> None:
    assert ui_command(uri) == command


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://me:secret@server:5000/x", "http://server:5000/x"),
        ("postgresql+psycopg://me:secret@server/runs", "postgresql+psycopg://server/runs"),
        ("https://token@server", "https://server"),
        ("https://me:sec@ret@server/x", "https://server/x"),
        ("https://me:s%40cret@server?x=a@b", "https://server?x=a@b"),
        ("at http://me:secret@one, then http://me:other@two", "at http://one, then http://two"),
        ("postgresql://me:se/c#r?et@server/runs", "postgresql://server/runs"),
        ("mysql+pymysql://me:s/ec@ret@server/runs?x=a@b", "mysql+pymysql://server/runs?x=a@b"),
        ("http://server:5000/x?mail=me@home", "http://server:5000/x?mail=me@home"),
        ("http://me:secret@one,http://me:other@two", "http://one,http://two"),
        ("http://server/me@home", "http://server/me@home"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("write to me@server, not http://server", "write to me@server, not http://server"),
    ],
)
def test_who_asks_is_taken_out_of_addresses_and_nothing_else_out_of_a_text(text: str, expected: str) -> None:
    assert without_password(text) == expected


def test_naming_a_store_does_not_import_mlflow() -> None:
    code = "import sys, dbsweep.tracking.mlflow_log as m; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_the_person_has_set_for_mlflow_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "99")
    set_environment()
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "99"
