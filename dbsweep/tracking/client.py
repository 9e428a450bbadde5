"""Reaching an MLflow store: quiet, with short time limits, and never by a relative path."""

from __future__ import annotations

import logging
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from dbsweep.config.addresses import without_password
from dbsweep.tracking.sqlite_file import PREFIX, file_of, make_file

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # by default a call to a dead server sleeps for four minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is for machines
}
"""What MLflow reads when it is imported or calls a server; a value that the person has set wins."""

ARTIFACTS = "mlartifacts"


def default_uri(output: Path) -> str:
    """A SQLite file in the output folder; absolute, so that it does not depend on the working directory."""
    return f"{PREFIX}{(output.absolute() / 'mlflow.db').as_posix()}"


def ui_command(uri: str) -> str:
    """The one command that opens MLflow's pages about a store, or the address of a server that shows them itself."""
    shown = without_password(uri)
    if uri.startswith(("http://", "https://")):
        return f"open {shown} in a browser"
    command = f"mlflow ui --host 127.0.0.1 --backend-store-uri {shlex.quote(shown)}"
    return command if shown == uri else f"{command} (with your user and password in the address)"


def set_environment() -> None:
    """What MLflow must find before it is imported."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def connect(uri: str) -> MlflowClient:
    """A client; importing MLflow and making a SQLite file cost two seconds of CPU each: this belongs into a thread."""
    set_environment()
    from mlflow.tracking import MlflowClient

    # A new SQLite file tells of every table, a server that is away of every attempt.
    for logger in ("mlflow", "alembic", "urllib3"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    make_file(uri)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def artifact_location(uri: str) -> str | None:
    """Where artifacts of a SQLite store lie: beside its file. None lets a server decide."""
    file = file_of(uri)
    return (file.parent / ARTIFACTS).absolute().as_uri() if file is not None else None
