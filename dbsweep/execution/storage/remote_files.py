"""Files below one URI, through whatever file system pyarrow or fsspec know for it."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow
from pyarrow import fs

from dbsweep.errors import ResourceError

CHUNK_BYTES = 8 * 2**20
"""How much is read and hashed at once."""


class RemoteFiles:
    """Files named by their paths relative to the URI. Every method raises OSError where it cannot be reached.

    Args:
        uri: an absolute path or any URI that pyarrow or fsspec resolve.

    Raises:
        ResourceError: nothing resolves the URI.
    """

    def __init__(self, uri: str) -> None:
        self._fs, self._base = _resolve(uri)

    def send(self, file: Path, at: str) -> None:
        """Copies a file there."""
        self._make_folder_of(at)
        with file.open("rb") as source, self._fs.open_output_stream(self._full(at), compression=None) as target:
            shutil.copyfileobj(source, target, CHUNK_BYTES)

    def receive(self, at: str, target: Path) -> str | None:
        """Copies a file here; returns the SHA-256 of what has come, None where there is no file."""
        digest = hashlib.sha256()
        try:
            with self._fs.open_input_stream(self._full(at), compression=None) as source, target.open("wb") as copy:
                while chunk := source.read(CHUNK_BYTES):
                    digest.update(chunk)
                    copy.write(chunk)
        except FileNotFoundError:
            return None
        return digest.hexdigest()

    def read(self, at: str) -> bytes | None:
        """The content of a small file; None where there is none."""
        try:
            with self._fs.open_input_stream(self._full(at), compression=None) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def write(self, at: str, content: bytes) -> None:
        """Writes a small file that appears whole or not at all."""
        fresh = f"{self._full(at)}.{uuid.uuid4().hex[:12]}.new"
        self._make_folder_of(at)
        with self._fs.open_output_stream(fresh, compression=None) as stream:
            stream.write(content)
        self._fs.move(fresh, self._full(at))

    def delete(self, at: str) -> None:
        """Takes a file away, if it is there."""
        try:
            self._fs.delete_file(self._full(at))
        except FileNotFoundError:
            return  # another worker was first

    def names(self, folder: str) -> list[str]:
        """Names of what lies in a folder, sorted; none where there is no folder."""
        selector = fs.FileSelector(self._full(folder), allow_not_found=True)
        return sorted(info.base_name for info in self._fs.get_file_info(selector))

    def sizes(self, files: Sequence[str]) -> list[int | None]:
        """Bytes of each file; None where there is none."""
        return [info.size for info in self._fs.get_file_info([self._full(at) for at in files])]

    def is_file(self, at: str) -> bool:
        """Whether it is there and a file."""
        return bool(self._fs.get_file_info(self._full(at)).type is fs.FileType.File)

    def is_folder(self, at: str) -> bool:
        """Whether it is there and a folder."""
        return bool(self._fs.get_file_info(self._full(at)).type is fs.FileType.Directory)

    def _full(self, at: str) -> str:
        return f"{self._base}/{at}"

    def _make_folder_of(self, at: str) -> None:
        self._fs.create_dir(self._full(at).rpartition("/")[0], recursive=True)


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
