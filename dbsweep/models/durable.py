"""Files and folders that appear whole or not at all, whatever kills the process."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbsweep.errors import DiskError


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Gives a temporary folder beside ``folder`` to fill; when the block ends well it is flushed and takes that name.

    A folder of that name is replaced, and a link to one stays. When the block raises, nothing is left behind.

    Raises:
        DiskError: the disk is full.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        flush(temporary)
        _replace(temporary, folder)
        flush(folder.parent)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if is_full(error):
            raise DiskError(f"no disk space left to write {folder}; free some and go on") from error
        raise
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Gives the name of a temporary file beside ``path`` to write; when the block ends well it takes that name.

    A file of that name is replaced in one step. When the block raises, nothing is left behind.

    Raises:
        DiskError: the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        flush(temporary)
        os.replace(temporary, path)
        flush(path.parent)
    except OSError as error:
        if is_full(error):
            raise DiskError(f"no disk space left to write {path}; free some and go on") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def is_full(error: OSError) -> bool:
    """Whether a write failed for want of space, of the disk's or of the person's share of it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def remove_leftovers(parent: Path) -> None:
    """Removes the temporary folders and files that killed processes have left in a folder; nobody may be writing there.

    A folder that stepped aside for a new one that then did not take its name is put back.
    """
    for aside in parent.glob(".*.old"):
        folder = aside.with_name(aside.name.rsplit(".", 2)[0].removeprefix("."))
        if not folder.exists():
            aside.rename(folder)
    for pattern in (".*.tmp", ".*.old"):
        for left in parent.glob(pattern):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Waits until a file, or a folder's list of names, is on the disk; Windows lets nobody ask for it so."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(temporary: Path, folder: Path) -> None:
    if folder.exists():
        # A folder with content cannot be renamed over: the old one steps aside first.
        aside = temporary.with_suffix(".old")
        folder.rename(aside)
        temporary.rename(folder)
        shutil.rmtree(aside)
    else:
        temporary.rename(folder)
