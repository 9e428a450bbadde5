"""Fixtures of this room."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dbsweep.tracking.client import connect, default_uri


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with MLflow's tables: making them takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    connect(default_uri(folder)).search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def output(tmp_path: Path, empty_store: Path) -> Path:
    """An output folder with an empty store and the folder of a run."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    (tmp_path / "demo").mkdir()
    return tmp_path
