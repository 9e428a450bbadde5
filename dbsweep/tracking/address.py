"""What is wrong with the address of an MLflow store, found without MLflow, which takes seconds to load."""

from __future__ import annotations

import os
import ssl
import threading
import urllib.request
from http.client import HTTPException
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urlsplit

from dbsweep.config.addresses import is_password_legible, without_password
from dbsweep.errors import InputError

DATABASES: Final = ("sqlite", "postgresql", "mysql", "mssql")
"""Schemes of databases that MLflow knows, a driver's name after a plus left out."""

PATIENCE_S = 1.5
"""How long the beginning of a run waits for a store to answer."""

ASKED = "/api/2.0/mlflow/experiments/search?max_results=1"
"""What an MLflow server answers, if only to say that it does not know who asks."""


def check_uri(uri: str, field: str) -> None:
    """Refuses what can be no store, however long one waits.

    Args:
        field: what the person calls it.

    Raises:
        InputError: MLflow does not know such addresses, or what is logged there would not be kept.
    """
    try:
        wrong = _wrong(uri, urlsplit(without_password(uri)))
    except ValueError as error:  # brackets or a port that are none
        wrong = f"must be an address ({error})"
    if wrong:
        raise InputError(
            f"{field} {wrong}, got {without_password(uri)!r}: give an MLflow server (http://server:5000), a database "
            "(sqlite:///mlflow.db, postgresql://...), or nothing for a file in the output folder"
        )


def _wrong(uri: str, address: SplitResult) -> str:
    """Why the address is none; empty if it may be one."""
    kind = address.scheme.partition("+")[0]
    if kind in ("http", "https"):
        if not is_password_legible(uri):
            return "must have / ? # in its password written as %2F %3F %23"
        named = address.hostname and address.port != 0 and not any(letter.isspace() for letter in uri)
        return "" if named else "must name a server"
    if kind in DATABASES:
        return _wrong_database(uri, kind, address)
    if uri == "databricks" or kind == "databricks" or kind in entry_points(group="mlflow.tracking_store").names:
        return ""
    if kind in ("", "file"):
        allowed = os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() in ("true", "1")
        return (
            "" if allowed else "must not be a folder, where MLflow keeps nothing (but for MLFLOW_ALLOW_FILE_STORE=true)"
        )
    return "must be an address that MLflow knows"


def _wrong_database(uri: str, kind: str, address: SplitResult) -> str:
    path = address.path.removeprefix("/")
    if "://" not in uri or address.port == 0:  # a port that is no number raises
        return "must be an address that MLflow knows"
    if kind == "sqlite" and not path:
        return "must name a file, or it is lost with the process"
    if kind == "sqlite" and Path(path).is_dir():
        return "must name a file, not a folder"
    return ""


def remedy(uri: str) -> str:
    """What to do about a store that cannot be reached."""
    address = urlsplit(uri)
    if address.scheme.partition("+")[0] != "sqlite":
        return "start the server and try again"
    file = Path(address.path.removeprefix("/"))
    return f"see that you may write in {file.parent} (and to {file.name} if it is there) and that its disk has room"


def absence(uri: str, patience_s: float = PATIENCE_S) -> str | None:
    """Why nothing can be logged at the address now, in words; None if a store answers, or is a file.

    Looking up a name has no time limit of its own, so it is asked for in a thread that is left behind.
    """
    told: list[str | None] = []
    asking = threading.Thread(target=lambda: told.append(_absence(uri, patience_s)), name="mlflow address", daemon=True)
    asking.start()
    asking.join(patience_s)
    why = told[0] if told else f"no answer within {patience_s:g} s"
    return without_password(f"MLflow at {uri}: {why}") if why is not None else None


def _absence(uri: str, patience_s: float) -> str | None:
    if uri.startswith(("http://", "https://")):
        return _absence_of_server(without_password(uri).rstrip("/") + ASKED, patience_s)
    kind = urlsplit(uri).scheme.partition("+")[0]
    return _absence_of_database(uri) if kind in DATABASES and kind != "sqlite" else None


def _absence_of_server(url: str, patience_s: float) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=patience_s):
            return None
    except HTTPError as error:
        return f"another server answers ({error})" if error.code == 404 else None
    except URLError as error:  # who trusts which certificate is for MLflow's own settings to say
        return None if isinstance(error.reason, ssl.SSLError) else str(error.reason)
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__


def _absence_of_database(uri: str) -> str | None:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    try:
        create_engine(uri).connect().close()
    except ImportError as error:
        return f"{error}: install this package"
    except SQLAlchemyError as error:
        return str(error).partition("\n")[0]
    return None
