"""Files of several kinds of file system, of which pyarrow knows some and fsspec the others."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dbsweep.errors import ResourceError
from dbsweep.execution.storage.remote_files import RemoteFiles, reachable


def test_a_file_comes_back_with_its_hash(uri: str, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"123")
    RemoteFiles(uri).send(tmp_path / "weights", "run/b01/weights")
    there = RemoteFiles(uri)
    assert there.receive("run/b01/weights", tmp_path / "copy") == hashlib.sha256(b"123").hexdigest()
    assert (tmp_path / "copy").read_bytes() == b"123"
    assert there.receive("run/b02/weights", tmp_path / "none") is None


def test_what_is_there_is_told_and_what_is_not_is_no_error(uri: str) -> None:
    files = RemoteFiles(uri)
    assert (files.names("run"), files.read("run/b"), files.is_folder("run")) == ([], None, False)
    files.write("run/b", b"12")
    files.write("run/a", b"1")
    files.write("run/a", b"one")
    assert (files.names("run"), files.read("run/a")) == (["a", "b"], b"one")
    assert files.sizes(["run/b", "run/c", "run/a"]) == [2, None, 3]
    assert (files.is_file("run/a"), files.is_file("run"), files.is_folder("run")) == (True, False, True)
    files.delete("run/a")
    files.delete("run/a")
    assert files.names("run") == ["b"]


def test_what_cannot_be_reached_is_said_with_its_address(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"storage nosuch://x: no file system for it .*; install it"):
        RemoteFiles("nosuch://x")
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(ResourceError, match=r"storage /.* cannot be used .*check the address"),
        reachable(str(tmp_path)),
    ):
        RemoteFiles(str(tmp_path / "file")).write("stop", b"")
