"""Storage by URI: folders that machines without a common disk hand to each other, verified by hash when they arrive."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow
from pyarrow import fs
from pydantic import ValidationError

from dbsweep.errors import ResourceError
from dbsweep.execution.parcel import PARCEL, Parcel, StoredFile
from dbsweep.models.hashes import file_sha256

CHUNK_BYTES = 8 * 2**20
"""How much is read and hashed at once."""

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
        uri: of the storage: an absolute path or any URI that pyarrow or fsspec resolve.

    Raises:
        ResourceError: nothing resolves the URI.
    """

    def __init__(self, root: Path, uri: str) -> None:
        self._root = root
        self._uri = uri
        self._fs, self._base = _resolve(uri)

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
        old = self._read(f"{there}/{PARCEL}{part}.json")
        fresh = uuid.uuid4().hex[:12]
        sent = {name: self._send(folder / name, there, f"{fresh}/{name}", old, name) for name in files}
        self._write(f"{there}/{PARCEL}{part}.json", Parcel(files=sent).model_dump_json().encode())
        kept = {file.path for file in sent.values()}
        for file in old.files.values() if old is not None else ():
            if file.path not in kept:
                self._delete(f"{there}/{file.path}")

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
        parcels = self._parcels(folder, "")
        place = self._place(folder)
        files = [file for parcel in parcels.values() for file in parcel.files.values()]
        found = self._fs.get_file_info([f"{place}/{file.path}" for file in files])
        return bool(parcels) and all(info.size == file.bytes for info, file in zip(found, files, strict=True))

    def holds(self, folder: Path) -> bool:
        """Whether anything is in the storage below a folder."""
        return bool(self._fs.get_file_info(self._place(folder)).type is fs.FileType.Directory)

    def remove(self, folder: Path) -> None:
        """Takes a folder off the storage, if it is there."""
        for at, parcel in self._parcels(folder, "").items():
            self._delete(at)
            for file in parcel.files.values():
                self._delete(f"{self._place(folder)}/{file.path}")

    def read(self, folder: Path, name: str) -> tuple[bytes, Mapping[str, int]] | None:
        """One file of a folder that was put as a whole, and the bytes of all its files by name.

        None where it is not there as it was put.
        """
        parcel = self._read(self._whole(folder))
        if parcel is None or name not in parcel.files:
            return None
        with tempfile.TemporaryDirectory() as arrived:
            copy = Path(arrived) / "copy"
            if not self._receive(f"{self._place(folder)}/{parcel.files[name].path}", copy, parcel.files[name]):
                return None
            return copy.read_bytes(), {each: file.bytes for each, file in parcel.files.items()}

    def amend(self, folder: Path, drop: Collection[str], name: str, content: bytes) -> None:
        """Takes files off a folder that was put as a whole, and gives another one new content, at once for a reader.

        Raises:
            OSError: the storage cannot be written.
        """
        place, old = self._place(folder), self._read(self._whole(folder))
        if old is None:
            return
        with tempfile.TemporaryDirectory() as made:
            (Path(made) / name).write_bytes(content)
            fresh = self._send(Path(made) / name, place, f"{uuid.uuid4().hex[:12]}/{name}", None, name)
        kept = {each: file for each, file in old.files.items() if each not in drop} | {name: fresh}
        self._write(self._whole(folder), Parcel(files=kept).model_dump_json().encode())
        for file in set(old.files.values()) - set(kept.values()):
            self._delete(f"{place}/{file.path}")

    def raise_flag(self, path: Path) -> None:
        """Leaves a mark that `flag` sees from every machine."""
        self._write(self._place(path), b"")

    def lower_flag(self, path: Path) -> None:
        """Takes the mark away."""
        self._delete(self._place(path))

    def flag(self, path: Path) -> bool:
        """Whether the mark is there."""
        return bool(self._fs.get_file_info(self._place(path)).type is fs.FileType.File)

    def _whole(self, folder: Path) -> str:
        return f"{self._place(folder)}/{PARCEL}{WHOLE}.json"

    def _place(self, path: Path) -> str:
        return f"{self._base}/{path.relative_to(self._root).as_posix()}"

    def _parcels(self, folder: Path, prefix: str) -> dict[str, Parcel]:
        """The parcels of a folder by the path of their list."""
        selector = fs.FileSelector(self._place(folder), allow_not_found=True)
        names = [i.path for i in self._fs.get_file_info(selector) if i.base_name.startswith(PARCEL + prefix)]
        return {at: parcel for at in sorted(names) if (parcel := self._read(at)) is not None}

    def _read(self, at: str) -> Parcel | None:
        try:
            with self._fs.open_input_stream(at, compression=None) as stream:
                return Parcel.model_validate_json(stream.read())
        except (FileNotFoundError, ValidationError):
            return None

    def _send(self, file: Path, place: str, at: str, old: Parcel | None, name: str) -> StoredFile:
        fresh = StoredFile(path=at, sha256=file_sha256(file), bytes=file.stat().st_size)
        there = old.files.get(name) if old is not None else None
        if there is not None and there.sha256 == fresh.sha256:
            return there
        self._fs.create_dir(f"{place}/{at}".rpartition("/")[0], recursive=True)
        with file.open("rb") as source, self._fs.open_output_stream(f"{place}/{at}", compression=None) as target:
            shutil.copyfileobj(source, target, CHUNK_BYTES)
        return fresh

    def _bring(self, folder: Path, at: str, parcel: Parcel, only: str | None) -> bool:
        wanted = {name: file for name, file in parcel.files.items() if only in (None, name)}
        missing = {name: file for name, file in wanted.items() if not _is_here(folder / name, file)}
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".get.", dir=self._root) as arrived:
            for name, file in missing.items():
                target = Path(arrived) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if not self._receive(f"{self._place(folder)}/{file.path}", target, file):
                    self._delete(at)
                    return False
            for name in missing:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(arrived) / name, folder / name)
        return True

    def _receive(self, at: str, target: Path, file: StoredFile) -> bool:
        """Reads one file; False if it is not what was put."""
        digest = hashlib.sha256()
        try:
            with self._fs.open_input_stream(at, compression=None) as source, target.open("wb") as copy:
                while chunk := source.read(CHUNK_BYTES):
                    digest.update(chunk)
                    copy.write(chunk)
        except FileNotFoundError:
            return False
        return digest.hexdigest() == file.sha256

    def _write(self, at: str, content: bytes) -> None:
        """Writes a small file that appears whole or not at all."""
        fresh = f"{at}.{uuid.uuid4().hex[:12]}.new"
        self._fs.create_dir(at.rpartition("/")[0], recursive=True)
        with self._fs.open_output_stream(fresh, compression=None) as stream:
            stream.write(content)
        self._fs.move(fresh, at)

    def _delete(self, at: str) -> None:
        try:
            self._fs.delete_file(at)
        except FileNotFoundError:
            return  # another worker was first


@contextmanager
def reachable(uri: str) -> Iterator[None]:
    """Turns what the storage raises in the block into a ResourceError that names it."""
    try:
        yield
    except OSError as error:
        reason = " ".join(str(error).split())
        raise ResourceError(f"storage {uri} cannot be used ({reason}): check the address and your rights") from error


def _resolve(uri: str) -> tuple[fs.FileSystem, str]:
    """The file system of a URI and the path in it, by pyarrow or, for what it does not know, by fsspec."""
    try:
        system, path = fs.FileSystem.from_uri(uri)
    except pyarrow.ArrowInvalid:
        import fsspec

        try:
            other, path = fsspec.core.url_to_fs(uri)
        except (ValueError, ImportError) as error:
            raise ResourceError(
                f"storage {uri}: no file system for it ({error}); install it, or use another"
            ) from error
        system = fs.PyFileSystem(fs.FSSpecHandler(other))
    return system, path.rstrip("/")


def _files(folder: Path) -> list[str]:
    """Relative paths of the files below a folder; hidden ones are somebody's unfinished work."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))


def _is_here(path: Path, file: StoredFile) -> bool:
    return path.is_file() and path.stat().st_size == file.bytes and file_sha256(path) == file.sha256
