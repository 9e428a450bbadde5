"""Model files have A1111's hashes, and are read once."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dbsweep.errors import ModelError
from dbsweep.models import hash_cache
from dbsweep.models.hash_cache import FileHashes, default_cache, file_hashes

CONTENT = bytes(range(256)) * 0x1200  # 0x120000 bytes: reaches past the old hash's window


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were really read."""
    read: list[Path] = []
    original = hash_cache._compute

    def compute(path: Path) -> FileHashes:
        read.append(path)
        return original(path)

    monkeypatch.setattr(hash_cache, "_compute", compute)
    return read


def test_the_hashes_are_those_that_a1111_shows(model: Path, tmp_path: Path) -> None:
    found = file_hashes(model, tmp_path / "cache")
    assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert found.short == hashlib.sha256(CONTENT).hexdigest()[:10]
    assert found.old == hashlib.sha256(CONTENT[0x100000:0x110000]).hexdigest()[:8]


def test_a_file_too_short_for_the_old_window_has_the_old_hash_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x")
    assert file_hashes(tmp_path / "small", tmp_path / "cache").old == "e3b0c442"  # as A1111 shows it


def test_an_unchanged_file_is_read_once(model: Path, tmp_path: Path, reads: list[Path]) -> None:
    first = file_hashes(model, tmp_path / "cache")
    (tmp_path / "link").symlink_to(model)
    assert file_hashes(model, tmp_path / "cache") == file_hashes(tmp_path / "link", tmp_path / "cache") == first
    assert reads == [model]


def test_a_file_of_another_time_or_size_is_read_again(model: Path, tmp_path: Path, reads: list[Path]) -> None:
    first = file_hashes(model, tmp_path / "cache")
    stat = model.stat()
    model.write_bytes(CONTENT[::-1])
    os.utime(model, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert file_hashes(model, tmp_path / "cache") != first
    model.write_bytes(CONTENT + b"x")
    os.utime(model, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert file_hashes(model, tmp_path / "cache").sha256 == hashlib.sha256(CONTENT + b"x").hexdigest()
    assert len(reads) == 3


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", json.dumps({"path": "other"})])
def test_a_damaged_entry_is_made_again(model: Path, tmp_path: Path, reads: list[Path], content: str) -> None:
    expected = file_hashes(model, tmp_path / "cache")
    [entry] = (tmp_path / "cache").iterdir()
    entry.write_text(content)
    assert file_hashes(model, tmp_path / "cache") == file_hashes(model, tmp_path / "cache") == expected
    assert len(reads) == 2


def test_many_at_once_agree_and_leave_one_entry(model: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: file_hashes(model, tmp_path / "cache"), range(32)))
    assert len(found) == 1
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere: cannot be read \(No such file"):
        file_hashes(tmp_path / "nowhere", tmp_path / "cache")


def test_the_cache_is_the_persons(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "dbsweep" / "hashes"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_cache() == tmp_path / "home" / ".cache" / "dbsweep" / "hashes"


def test_without_a_cache_that_can_be_written_the_hashes_are_the_same_and_it_is_said_once(
    model: Path, tmp_path: Path, reads: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a file").touch()
    folder = tmp_path / "a file" / "dbsweep" / "hashes"
    assert file_hashes(model, folder) == file_hashes(model, folder) == file_hashes(model, tmp_path / "cache")
    assert len(reads) == 3
    [told] = caplog.messages
    assert told.startswith(f"the cache of model hashes {folder} cannot be written (Not a directory), so model files")


def test_a_full_disk_of_the_cache_costs_the_next_reading_alone(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("dbsweep.models.durable.flush", full)
    assert file_hashes(model, tmp_path / "cache").sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert "cannot be written (no disk space left)" in caplog.text
