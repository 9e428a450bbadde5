"""A SQLite store's file is there with all its tables, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from mlflow.tracking import MlflowClient

from dbsweep.tracking.client import connect, default_uri
from dbsweep.tracking.sqlite_file import file_of, make_file


class Killed(BaseException):
    """Ends whatever is done, as a kill does."""


def test_a_kill_while_mlflow_makes_its_tables_leaves_no_file_that_it_cannot_go_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upgrade(engine: object) -> NoReturn:  # some tables are there, and the versions of their columns are not told
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("mlflow.store.db.utils._upgrade_db", upgrade)
        with pytest.raises(Killed):
            connect(default_uri(tmp_path)).search_experiments()
    assert list(tmp_path.iterdir()) == []
    connect(default_uri(tmp_path)).search_experiments()
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_a_file_that_another_run_has_made_meanwhile_stays(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "mlflow.db"
    monkeypatch.setattr(MlflowClient, "search_experiments", lambda *_, **__: theirs.write_text("theirs"))
    make_file(default_uri(tmp_path))
    assert theirs.read_text() == "theirs"


def test_other_stores_have_no_file() -> None:
    assert file_of("sqlite:////a/mlflow.db") == Path("/a/mlflow.db")
    assert file_of("http://server:5000") is None
