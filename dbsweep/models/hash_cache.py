"""Hashes of model files as A1111 shows them, each file of gigabytes read once; no torch."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from dbsweep.errors import DiskError, ModelError
from dbsweep.models.durable import new_file
from dbsweep.models.hashes import lora_hash

OLD_OFFSET, OLD_LENGTH = 0x100000, 0x10000


@dataclass(frozen=True, slots=True)
class FileHashes:
    """Hashes of one file.

    Attributes:
        sha256: 64 hex digits.
        old: A1111's model hash until January 2023: 8 hex digits of the SHA-256 of 64 KiB at offset 1 MiB.
    """

    sha256: str
    old: str

    @property
    def short(self) -> str:
        """A1111's model hash since January 2023: the first 10 hex digits."""
        return self.sha256[:10]


def default_cache() -> Path:
    """The person's cache folder: ``$XDG_CACHE_HOME/dbsweep/hashes``, by default below ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dbsweep" / "hashes"


def file_hashes(path: Path, folder: Path | None = None) -> FileHashes:
    """Hashes of a file, from the cache unless its path, size or time of change are new to it.

    Any number of processes may ask at once: each file has an entry of its own, which is replaced in one step.
    A cache that cannot be read or written only costs the next reading, and is warned of.

    Args:
        folder: of the entries; None is `default_cache`.

    Raises:
        ModelError: the file cannot be read.
    """
    folder = default_cache() if folder is None else folder
    try:
        path = path.resolve(strict=True)
        stat = path.stat()
        known = {"path": str(path), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        entry = folder / f"{hashlib.sha256(bytes(path)).hexdigest()[:32]}.json"
        found = _read(entry, known)
        if found is None:
            found = _compute(path)
            _write(entry, {**known, **asdict(found)})
    except OSError as error:
        raise _unreadable(path, error) from error
    return found


def lora_file_hash(path: Path) -> str | None:
    """`dbsweep.models.hashes.lora_hash`, read anew each time: LoRAs are small.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        return lora_hash(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ModelError:
    return ModelError(f"model file {path}: cannot be read ({error.strerror or error}); check the path")


def _read(entry: Path, known: dict[str, object]) -> FileHashes | None:
    """What was computed for this very file; None for no entry, another file's or one that was cut short."""
    try:
        content = json.loads(entry.read_text(encoding="utf-8"))
        if {key: content[key] for key in known} != known:
            return None
        return FileHashes(content["sha256"], content["old"])
    except (OSError, ValueError, KeyError, TypeError):  # writing tells what is the matter with the cache
        return None


def _compute(path: Path) -> FileHashes:
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(OLD_OFFSET)
        return FileHashes(sha256, hashlib.sha256(stream.read(OLD_LENGTH)).hexdigest()[:8])


def _write(entry: Path, content: dict[str, object]) -> None:
    """Keeps an entry, or warns that there is none."""
    try:
        with new_file(entry) as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")
    except OSError as error:
        _tell_once(entry.parent, error.strerror or str(error))
    except DiskError:
        _tell_once(entry.parent, "no disk space left")


@cache
def _tell_once(folder: Path, reason: str) -> None:
    logging.getLogger(__name__).warning(
        "the cache of model hashes %s cannot be written (%s), so model files are read whole each time: make it "
        "writable, or set XDG_CACHE_HOME to a folder that is",
        folder,
        reason,
    )
