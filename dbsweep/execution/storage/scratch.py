"""Where a worker keeps its copies of what lies in the storage: a folder of its own on its machine's disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbsweep.errors import ResourceError


def scratch_root() -> Path:
    """This user's folder for the copies on this machine; ``TMPDIR`` says on which disk.

    Raises:
        ResourceError: it belongs to somebody else.
    """
    root = Path(tempfile.gettempdir()) / f"dbsweep-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    if root.stat().st_uid != os.getuid():
        raise ResourceError(f"{root} belongs to another user: remove it, or set TMPDIR to another folder")
    return root


def process_scratch() -> Path:
    """This process's own folder; those of processes that are dead are removed."""
    root = scratch_root()
    for folder in root.iterdir():
        if folder.name.isdigit() and _is_dead(int(folder.name)):
            shutil.rmtree(folder, ignore_errors=True)
    own = root / str(os.getpid())
    own.mkdir(exist_ok=True)
    return own


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process of this machine at a time works at the folder."""
    import fcntl

    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_dead(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
