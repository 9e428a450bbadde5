"""Places that people name to be written to: what the system says against one becomes one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbsweep.errors import DiskError, InputError, RunError
from dbsweep.models.durable import is_full


@contextmanager
def refusing(place: Path, fix: str = "give another path") -> Iterator[None]:
    """Turns what the system says against writing at a place into one line; inside nothing else may fail so.

    Args:
        fix: what to do where the place is neither full nor behind a broken link.

    Raises:
        RunError: it cannot be written; DiskError where the disk is full.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskError(f"no disk space left to write {place}; free some and try again") from error
        why = broken_link(place) or f"{place} cannot be written ({error.strerror or error}): {fix}"
        raise RunError(why) from error


def refuse_files(folder: Path) -> None:
    """InputError unless it is a folder or can become one."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"{folder} cannot be a folder, for {there} is a file: give another")


def make_folder(folder: Path) -> None:
    """Makes a folder, and those that it lies in, where there is none.

    Raises:
        InputError, RunError, DiskError: as `refuse_files` and `refusing`.
    """
    refuse_files(folder)
    with refusing(folder, "give another folder"):
        folder.mkdir(parents=True, exist_ok=True)


def broken_link(path: Path) -> str | None:
    """What to say of the link without a target, to a disk that is not there, say, by which a path goes; or None."""
    for link in (path, *path.parents):
        if os.path.islink(link) and not os.path.exists(link):  # which raise nothing, whatever the name
            return f"{link} is a link that leads nowhere, to {os.readlink(link)}: mend it, or name another place"
    return None
