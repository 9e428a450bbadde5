"""Files and folders appear whole or not at all."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dbsweep.errors import DiskError
from dbsweep.models.durable import new_file, new_folder, remove_leftovers


def names(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir())


def fill(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def test_a_folder_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / "deep" / "made") as temporary:
        fill(temporary, a="1")
        assert not (tmp_path / "deep" / "made").exists()
    assert names(tmp_path / "deep") == ["made"]
    assert (tmp_path / "deep" / "made" / "a").read_text() == "1"


def test_where_nothing_can_be_flushed_files_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr("os.fsync", refuse)  # as Windows does for what is open for reading
    monkeypatch.setattr("sys.platform", "win32")
    with new_file(tmp_path / "made") as temporary:
        temporary.write_text("1")
    assert (tmp_path / "made").read_text() == "1"


def test_a_folder_is_replaced_and_no_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    fill(tmp_path / "made", old="0")
    with new_folder(tmp_path / "made") as temporary:
        fill(temporary, fresh="1")
    assert (names(tmp_path), names(tmp_path / "made")) == (["made"], ["fresh"])


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    with new_folder(tmp_path / "link") as temporary:
        fill(temporary, a="1")
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "disk") == ["a"]


BROKEN = [KeyboardInterrupt(), ValueError("broken"), OSError(errno.EIO, "broken")]


@pytest.mark.parametrize("error", BROKEN)
def test_a_folder_that_is_not_finished_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    def break_off() -> None:
        with new_folder(tmp_path / "made") as temporary:
            fill(temporary, a="new")
            raise error

    (tmp_path / "made").mkdir()
    fill(tmp_path / "made", a="old")
    with pytest.raises(type(error)):
        break_off()
    assert names(tmp_path) == ["made"]
    assert (tmp_path / "made" / "a").read_text() == "old"


@pytest.mark.parametrize("error", BROKEN)
def test_a_file_that_is_not_finished_leaves_the_old_one_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    def break_off() -> None:
        with new_file(tmp_path / "a") as temporary:
            temporary.write_text("new")
            assert (tmp_path / "a").read_text() == "old"
            raise error

    fill(tmp_path, a="old")
    with pytest.raises(type(error)):
        break_off()
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_file_is_replaced(tmp_path: Path) -> None:
    fill(tmp_path, a="old")
    with new_file(tmp_path / "a") as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "new"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("make", [new_file, new_folder])
def test_a_full_disk_is_said(tmp_path: Path, make: Callable[[Path], AbstractContextManager[Path]], number: int) -> None:
    with pytest.raises(DiskError, match=r"no disk space left to write .*made; free some"), make(tmp_path / "made"):
        raise OSError(number, "full")
    assert names(tmp_path) == []


def test_what_killed_processes_left_is_removed_and_what_stepped_aside_is_put_back(tmp_path: Path) -> None:
    for name in (".c.01234567.tmp", ".c.01234567.old", ".d.e.89abcdef.tmp", ".d.e.89abcdef.old", "c"):
        (tmp_path / name).mkdir()
        fill(tmp_path / name, name=name)
    remove_leftovers(tmp_path)  # `c` had its name already; the process that wrote `d.e` died between two renames
    assert names(tmp_path) == ["c", "d.e"]
    assert (tmp_path / "c" / "name").read_text() == "c"
    assert (tmp_path / "d.e" / "name").read_text() == ".d.e.89abcdef.old"
