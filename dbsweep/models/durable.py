"""Files and folders that appear whole or not at all, whatever kills the process."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbsweep.errors import ResourceError


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Gives a temporary folder beside ``folder`` to fill; when the block ends well it is flushed and takes that name.

    A folder of that name is replaced. When the block raises, nothing is left behind.

    Raises:
        ResourceError: the disk is full.
    """
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
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError(f"no disk space left to write {folder}; free some and go on") from error
        raise
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Gives the name of a temporary file beside ``path`` to write; when the block ends well it takes that name.

    A file of that name is replaced in one step. When the block raises, nothing is left behind.

    Raises:
        ResourceError: the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        flush(temporary)
        os.replace(temporary, path)
        flush(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError(f"no disk space left to write {path}; free some and go on") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Waits until a file, or a folder's list of names, is on the disk."""
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
