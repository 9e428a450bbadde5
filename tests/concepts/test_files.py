"""Files appear whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from dbsweep.concepts.files import write_whole
from dbsweep.errors import DiskError


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.bin"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        (errno.ENOSPC, DiskError, r"no space left for .*a\.bin"),
        (errno.EDQUOT, DiskError, r"no space left for .*a\.bin"),
        (errno.EIO, OSError, "broken"),
    ],
)
def test_a_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception], message: str
) -> None:
    def write_half(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:1])
        raise OSError(code, "broken")

    (tmp_path / "a.bin").write_text("old")
    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(error, match=message):
        write_whole(tmp_path / "a.bin", b"one")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.bin", "old")]
