"""Storage by URI: folders that machines without a common disk hand to each other, verified by hash when they arrive."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from dbsweep.execution.storage.parcel import PARCEL, Parcel, StoredFile
from dbsweep.execution.storage.remote_files import RemoteFiles
from dbsweep.models.hashes import file_sha256

INPUTS = "inputs"
"""Folder of the storage for photos and models from the driver's disk, beside the runs and their cache."""

WHOLE = "whole"
"""The part that a folder put as a whole is."""


class Store:
    """Folders below one root on this machine, and their copies below one URI.

    A copy counts once its parcel, a list of its files with their hashes, is there. Files are written under names
    that no other parcel has, so that two workers may put the same folder at once and a reader sees one or the other.

    Args:
        root: the folder whose content has the same relative paths in the storage.
        uri: of the storage, see `RemoteFiles`.

    Raises:
        ResourceError: nothing resolves the URI.
    """

    def __init__(self, root: Path, uri: str) -> None:
        self._root = root
        self._remote = RemoteFiles(uri)

    def put(
        self, folder: Path, names: Iterable[str] | None = None, *, part: str = WHOLE, place: Path | None = None
    ) -> None:
        """Copies a folder, or some of its files as one part of it; an older copy of that name is replaced.

        A file that the older copy has with the same hash is not sent again.

        Args:
            folder: what to copy.
            names: relative paths of the files; None for all.
            part: name of the part.
            place: which folder below the root it becomes, if not itself.

        Raises:
            OSError: the storage cannot be written.
        """
        files = _files(folder) if names is None else sorted(names)
        there = self._place(place or folder)
        parcel_at = _parcel_at(there, part)
        old = self._parcel(parcel_at)
        known, fresh = (old.files if old is not None else {}), uuid.uuid4().hex[:12]
        sent = {name: self._send(folder / name, there, f"{fresh}/{name}", known.get(name)) for name in files}
        self._remote.write(parcel_at, Parcel(files=sent).model_dump_json().encode())
        kept = {file.path for file in sent.values()}
        self._delete(there, (file for file in known.values() if file.path not in kept))

    def get(self, folder: Path, *, only: str | None = None, prefix: str = "") -> bool:
        """Brings a folder, or one file of it, here; what is here already with the right hash is left alone.

        A part with a file whose bytes are not those that were put does not count and is taken off the storage.

        Args:
            folder: below the root.
            only: name of the one file that is wanted.
            prefix: of the parts that are wanted.

        Returns:
            Whether every part arrived whole, and there was one.

        Raises:
            OSError: the storage cannot be read.
        """
        parcels = self._parcels(folder, prefix)
        arrived = [self._bring(folder, at, parcel, only) for at, parcel in parcels.items()]
        return bool(arrived) and all(arrived)

    def intact(self, folder: Path) -> bool:
        """Whether all files of a folder are in the storage, by their size; `get` looks at the bytes."""
        parcels, there = self._parcels(folder, ""), self._place(folder)
        files = [file for parcel in parcels.values() for file in parcel.files.values()]
        sizes = self._remote.sizes([f"{there}/{file.path}" for file in files])
        return bool(parcels) and sizes == [file.bytes for file in files]

    def holds(self, folder: Path) -> bool:
        """Whether anything is in the storage below a folder."""
        return self._remote.is_folder(self._place(folder))

    def remove(self, folder: Path) -> None:
        """Takes a folder off the storage, if it is there."""
        for at, parcel in self._parcels(folder, "").items():
            self._remote.delete(at)
            self._delete(self._place(folder), parcel.files.values())

    def read(self, folder: Path, name: str) -> tuple[bytes, Mapping[str, int]] | None:
        """One file of a folder that was put as a whole, and the bytes of all its files by name.

        None where it is not there as it was put.
        """
        there = self._place(folder)
        parcel = self._parcel(_parcel_at(there, WHOLE))
        if parcel is None or name not in parcel.files:
            return None
        with tempfile.TemporaryDirectory() as arrived:
            copy = Path(arrived) / "copy"
            if not self._receive(there, parcel.files[name], copy):
                return None
            return copy.read_bytes(), {each: file.bytes for each, file in parcel.files.items()}

    def amend(self, folder: Path, drop: Collection[str], name: str, content: bytes) -> None:
        """Takes files off a folder that was put as a whole, and gives another one new content, at once for a reader.

        Raises:
            OSError: the storage cannot be written.
        """
        there = self._place(folder)
        parcel_at = _parcel_at(there, WHOLE)
        old = self._parcel(parcel_at)
        if old is None:
            return
        with tempfile.TemporaryDirectory() as made:
            (Path(made) / name).write_bytes(content)
            fresh = self._send(Path(made) / name, there, f"{uuid.uuid4().hex[:12]}/{name}", None)
        kept = {each: file for each, file in old.files.items() if each not in drop} | {name: fresh}
        self._remote.write(parcel_at, Parcel(files=kept).model_dump_json().encode())
        self._delete(there, set(old.files.values()) - set(kept.values()))

    def raise_flag(self, path: Path) -> None:
        """Leaves a mark that `flag` sees from every machine."""
        self._remote.write(self._place(path), b"")

    def lower_flag(self, path: Path) -> None:
        """Takes the mark away."""
        self._remote.delete(self._place(path))

    def flag(self, path: Path) -> bool:
        """Whether the mark is there."""
        return self._remote.is_file(self._place(path))

    def _place(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _parcels(self, folder: Path, prefix: str) -> dict[str, Parcel]:
        """The parcels of a folder by the place of their list."""
        there = self._place(folder)
        names = [name for name in self._remote.names(there) if name.startswith(PARCEL + prefix)]
        places = [f"{there}/{name}" for name in names]
        return {at: parcel for at in places if (parcel := self._parcel(at)) is not None}

    def _parcel(self, at: str) -> Parcel | None:
        content = self._remote.read(at)
        try:
            return None if content is None else Parcel.model_validate_json(content)
        except ValidationError:
            return None

    def _send(self, file: Path, there: str, name: str, old: StoredFile | None) -> StoredFile:
        """Puts one file under a fresh name, if it is another than before."""
        fresh = StoredFile(path=name, sha256=file_sha256(file), bytes=file.stat().st_size)
        if old is not None and old.sha256 == fresh.sha256:
            return old
        self._remote.send(file, f"{there}/{name}")
        return fresh

    def _bring(self, folder: Path, at: str, parcel: Parcel, only: str | None) -> bool:
        wanted = {name: file for name, file in parcel.files.items() if only in (None, name)}
        missing = {name: file for name, file in wanted.items() if not _is_here(folder / name, file)}
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".get.", dir=self._root) as arrived:
            for name, file in missing.items():
                target = Path(arrived) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if not self._receive(self._place(folder), file, target):
                    self._remote.delete(at)
                    return False
            for name in missing:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(arrived) / name, folder / name)
        return True

    def _receive(self, there: str, file: StoredFile, target: Path) -> bool:
        """Reads one file; False if it is not what was put."""
        return self._remote.receive(f"{there}/{file.path}", target) == file.sha256

    def _delete(self, there: str, files: Iterable[StoredFile]) -> None:
        for file in files:
            self._remote.delete(f"{there}/{file.path}")


def _parcel_at(there: str, part: str) -> str:
    return f"{there}/{PARCEL}{part}.json"


def _files(folder: Path) -> list[str]:
    """Relative paths of the files below a folder; hidden ones are somebody's unfinished work."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))


def _is_here(path: Path, file: StoredFile) -> bool:
    return path.is_file() and path.stat().st_size == file.bytes and file_sha256(path) == file.sha256
