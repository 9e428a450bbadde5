"""The SQLite file of an MLflow store, which appears with all its tables or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from dbsweep.models.durable import new_file

PREFIX = "sqlite:///"


def file_of(uri: str) -> Path | None:
    """The file of a SQLite store; None for stores of other kinds."""
    return Path(uri.removeprefix(PREFIX)) if uri.startswith(PREFIX) else None


def make_file(uri: str) -> None:
    """Makes the file of a SQLite store if it is missing, elsewhere and under its own name at the end.

    MLflow makes its tables one by one, which takes seconds, and never goes on with a file in which a killed process has
    left some of them: nothing more could be logged beside that run, nor beside any later one in the same folder.
    """
    file = file_of(uri)
    if file is None or file.exists():
        return
    from mlflow.tracking import MlflowClient

    with TemporaryDirectory(prefix="dbsweep-mlflow-") as folder:
        made = Path(folder) / file.name
        MlflowClient(tracking_uri=f"{PREFIX}{made.as_posix()}").search_experiments(max_results=1)
        if not file.exists():  # another run may have been faster
            with new_file(file) as temporary:
                shutil.copyfile(made, temporary)
