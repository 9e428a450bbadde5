"""The SQLite file of a ledger: one transaction at a time, and its errors in words that help."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbsweep.errors import DiskError, RunError


class LedgerFile:
    """A file that one process writes and that others may read meanwhile; threads of one process may share it.

    Args:
        read_only: for who is not the driver.

    Raises:
        RunError: it cannot be opened.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._connection = _connect(path, read_only=read_only)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes the file; the write-ahead log is folded in by the last writer."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, which is kept whole or not at all.

        Raises:
            RunError: the file is damaged or not to be written; DiskError where there is no room.
        """
        with self.using() as sql:
            sql.execute("BEGIN IMMEDIATE")
            try:
                yield sql
            except BaseException:
                if sql.in_transaction:  # SQLite has rolled back itself where the disk is full
                    sql.execute("ROLLBACK")
                raise
            sql.execute("COMMIT")

    @contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone; raises as `writing` does."""
        with self._lock:
            try:
                yield self._connection
            except (sqlite3.Error, ValueError) as error:
                if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                    raise DiskError(f"no disk space left to write {self._path}; free some and go on") from error
                reason = " ".join(str(error).split())[:200]
                raise RunError(f"{self._path} cannot be used ({reason}): restore it or start a new run") from error


def _connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    mode = "ro" if read_only else "rwc"
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=30.0, isolation_level=None, check_same_thread=False)
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
    except sqlite3.Error as error:
        forbidden = path.exists() and not os.access(path, os.R_OK if read_only else os.R_OK | os.W_OK)
        mend = "change its permissions" if forbidden else "restore it or start a new run"
        raise RunError(f"{path} cannot be opened ({error}): {mend}") from error
    return connection
