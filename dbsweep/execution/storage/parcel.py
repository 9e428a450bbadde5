"""The list of what was put into the storage at once: files with their places, hashes and sizes."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator

from dbsweep.records.record import Record

PARCEL = "parcel-"
"""Beginning of the names of the files that say what was put."""


def _below(name: str) -> str:
    """Refuses a path that leaves the folder that it is relative to: whoever writes the storage may not write here."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError(f"must be a relative path without '..', got {name!r}")
    return name


_Below = Annotated[str, AfterValidator(_below)]


class StoredFile(Record):
    """One file in the storage.

    Attributes:
        path: relative to the folder's place in the storage.
        sha256: of its bytes.
        bytes: how many.
    """

    path: _Below
    sha256: str
    bytes: int


class Parcel(Record):
    """What one call of `Store.put` has put, by the files' paths relative to the folder; written last."""

    files: dict[_Below, StoredFile]
