"""What the system says against a place is one line that names it and the fix."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from dbsweep.errors import DbsweepError, DiskError, InputError, RunError
from dbsweep.models.places import broken_link, make_folder, refuse_files, refusing


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (errno.EACCES, RunError, "pics cannot be written (Permission denied): give another path"),
        (errno.EROFS, RunError, "pics cannot be written (Read-only file system): give another path"),
        (errno.EIO, RunError, "pics cannot be written (Input/output error): give another path"),
        (errno.ENAMETOOLONG, RunError, "pics cannot be written (File name too long): give another path"),
        (errno.ENOSPC, DiskError, "no disk space left to write pics; free some and try again"),
        (errno.EDQUOT, DiskError, "no disk space left to write pics; free some and try again"),
    ],
)
def test_what_the_system_says_is_told_with_the_place(code: int, kind: type[DbsweepError], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"), refusing(Path("pics")):
        raise OSError(code, os.strerror(code), ".pics.1.part")


def test_an_error_of_a_library_has_no_number_and_the_fix_may_be_another() -> None:
    message = r"^a\.txt cannot be written \(encoder error\): copy it$"
    with pytest.raises(RunError, match=message), refusing(Path("a.txt"), "copy it"):
        raise OSError("encoder error")


def test_what_is_no_fault_of_the_place_passes() -> None:
    with pytest.raises(InputError, match="no photo"), refusing(Path("pics")):
        raise InputError("no photo")


def test_folders_are_made_with_those_they_lie_in_and_may_be_there(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "mine").touch()
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "mine").is_file()


@pytest.mark.parametrize("place", ["file", "file/pics", "file/pics/more"])
def test_a_file_where_a_folder_must_be_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    message = f"{tmp_path / place} cannot be a folder, for {tmp_path / 'file'} is a file: give another"
    for check in (refuse_files, make_folder):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            check(tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("code", [errno.ENOENT, errno.EACCES])
def test_a_folder_that_the_system_does_not_make_is_told(tmp_path: Path, monkeypatch, code: int) -> None:
    """Below /proc it says that there is no such file."""

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RunError, match=r"pics cannot be written \(.*\): give another folder"):
        make_folder(tmp_path / "pics")


@pytest.mark.parametrize("place", ["link", "link/pics"])
def test_a_link_that_leads_nowhere_is_told_as_one(tmp_path: Path, place: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    message = f"{tmp_path / 'link'} is a link that leads nowhere, to {tmp_path / 'gone'}: mend it, or name another"
    with pytest.raises(RunError, match=re.escape(message)):
        make_folder(tmp_path / place)
    assert broken_link(tmp_path / ("n" * 300)) is None
    (tmp_path / "gone").mkdir()
    assert broken_link(tmp_path / place) is None
    make_folder(tmp_path / place)
    assert (tmp_path / place).is_dir()
