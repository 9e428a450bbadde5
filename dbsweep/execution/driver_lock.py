"""One driver a run: a lock of the operating system on a file in the run folder.

Windows lacks them; runs can be read there all the same.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import IO

from pydantic import ValidationError

from dbsweep.errors import ResourceError, RunError
from dbsweep.execution.folder import RunFolder
from dbsweep.records.record import Record

PATIENCE_S = 0.2
"""How long a driver waits for the lock: whoever asks `is_led` has it for a moment."""


def file_locks() -> ModuleType:
    """The module ``fcntl``; ResourceError on a system without it."""
    try:
        import fcntl
    except ImportError as error:
        raise ResourceError(
            "this system lacks the file locks of Linux and macOS (fcntl), without which no sweep is led: on Windows "
            "run and resume within WSL 2, where dbsweep is untried; the other commands need no locks"
        ) from error
    return fcntl


class Driver(Record):
    """The process that leads a run.

    Attributes:
        host: its machine.
        pid: its number there.
        since: when it began, UTC to the second.
    """

    host: str
    pid: int
    since: str


@contextmanager
def driving(run: RunFolder) -> Iterator[None]:
    """Inside, no other process leads the run: the ledger has one writer, and workers one master.

    The lock ends with the process that holds it, however that ends. The file stays: removing it would let two others
    lock different files of its name.

    Raises:
        RunError: another process leads the run, or the disk cannot lock files.
        ResourceError: the system cannot.
    """
    # "a" creates the file and, unlike "w", leaves the other driver's name in it.
    with run.lock.open("a+", encoding="utf-8") as file:
        _lock(file, run)
        file.truncate(0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        file.write(Driver(host=socket.gethostname(), pid=os.getpid(), since=since).model_dump_json())
        file.flush()
        yield


def is_led(run: RunFolder) -> bool:
    """Whether a process leads the run; True too where it cannot be told."""
    try:
        fcntl = file_locks()
        with run.lock.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except (OSError, ResourceError):
        return True
    return False


def _lock(file: IO[str], run: RunFolder) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not _locked(file, run):
        if time.monotonic() >= deadline:
            raise RunError(
                f"run {run.name!r} is led by {_named(file)} already: wait until it has ended, or end it there (Ctrl-C "
                f"or kill), then go on with: dbsweep resume {run.handle}"
            )
        time.sleep(0.02)


def _locked(file: IO[str], run: RunFolder) -> bool:
    fcntl = file_locks()
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise RunError(
            f"{run.lock} cannot be locked ({error.strerror}), so nobody could tell whether another dbsweep leads this "
            "run: put output on a disk that can lock files"
        ) from error
    return True


def _named(file: IO[str]) -> str:
    file.seek(0)
    try:
        driver = Driver.model_validate_json(file.read())
    except ValidationError:  # it has the lock and has not written its name yet
        return "another dbsweep"
    return f"process {driver.pid} on {driver.host} (since {driver.since})"
