"""The file of a ledger: what is written is there whole or not at all, and what goes wrong is told in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.errors import DiskError, RunError
from dbsweep.execution.ledger.file import LedgerFile


def numbers(path: Path) -> LedgerFile:
    file = LedgerFile(path / "ledger.db")
    with file.writing() as sql:
        sql.execute("CREATE TABLE numbers (number INTEGER)")
        sql.execute("INSERT INTO numbers VALUES (0)")
    return file


def kept(file: LedgerFile) -> list[int]:
    with file.using() as sql:
        return [number for (number,) in sql.execute("SELECT number FROM numbers")]


def write_one_and_break_off(file: LedgerFile) -> None:
    with file.writing() as sql:
        sql.execute("INSERT INTO numbers VALUES (1)")
        raise KeyboardInterrupt


def write_many(file: LedgerFile) -> None:
    with file.writing() as sql:
        sql.executemany("INSERT INTO numbers VALUES (?)", [(number,) for number in range(1, 100_000)])


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    file = numbers(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        write_one_and_break_off(file)
    assert kept(file) == [0]
    with file.writing() as sql:
        sql.execute("INSERT INTO numbers VALUES (2)")
    file.close()
    assert kept(LedgerFile(tmp_path / "ledger.db", read_only=True)) == [0, 2]


def test_a_full_disk_is_told_as_such_and_loses_nothing(tmp_path: Path) -> None:
    file = numbers(tmp_path)
    with file.using() as sql:
        sql.execute("PRAGMA max_page_count = 1")  # SQLite's own way to have no room: as many as now
    with pytest.raises(DiskError, match=r"no disk space left to write .*ledger\.db"):
        write_many(file)
    with file.using() as sql:
        sql.execute("PRAGMA max_page_count = 1000000")
    assert kept(file) == [0]
    write_many(file)
    assert len(kept(file)) == 100_000


def test_a_reader_writes_nothing(tmp_path: Path) -> None:
    numbers(tmp_path).close()
    reader = LedgerFile(tmp_path / "ledger.db", read_only=True)
    with pytest.raises(RunError, match=r"ledger\.db cannot be used \(attempt to write a readonly database\)"):
        write_many(reader)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"ledger\.db cannot be opened \(unable to open database file\): restore it"):
        LedgerFile(tmp_path / "nowhere" / "ledger.db")


def test_a_file_that_may_not_be_read_is_told_from_one_that_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ledger.db").mkdir()  # root may read every file; SQLite opens no folder for anybody
    with pytest.raises(RunError, match="restore it or start a new run"):
        LedgerFile(tmp_path / "ledger.db", read_only=True)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(RunError, match="change its permissions"):
        LedgerFile(tmp_path / "ledger.db", read_only=True)
