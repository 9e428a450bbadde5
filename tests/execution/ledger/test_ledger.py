"""The ledger: twice recorded is once recorded, others may read meanwhile, damage is told."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from dbsweep.errors import RunError
from dbsweep.execution.ledger.ledger import SCHEMA_VERSION, Ledger
from dbsweep.records.events import AtWork
from tests.execution.ledgers import checkpoint, create, grid


def test_recording_twice_changes_nothing(tmp_path: Path) -> None:
    with create(tmp_path) as ledger:
        for _ in range(2):
            ledger.record(checkpoint(10))
            ledger.record(checkpoint(20))
            ledger.add_grid(grid("CFG"))
        record = ledger.read()
    assert [c.step for c in record.checkpoints_of("t001")] == [10, 20]
    assert len(record.grids) == 1


def test_what_a_branch_is_at_is_not_kept(tmp_path: Path) -> None:
    with create(tmp_path) as ledger:
        ledger.record(checkpoint(10))
        before = (tmp_path / "ledger.db-wal").read_bytes()
        ledger.record(AtWork(branch="b01", step=15, per_s=2.0))
        assert (tmp_path / "ledger.db-wal").read_bytes() == before
        ledger.record(checkpoint(20))
        assert (tmp_path / "ledger.db-wal").read_bytes() != before


def test_another_process_reads_while_the_driver_writes(tmp_path: Path) -> None:
    with create(tmp_path) as ledger, Ledger.open(tmp_path / "ledger.db", read_only=True) as reader:
        ledger.record(checkpoint(10))
        assert list(reader.read().checkpoints) == ["b01-000010"]
        ledger.record(checkpoint(20))
        assert list(reader.read().checkpoints) == ["b01-000010", "b01-000020"]
        with pytest.raises(RunError, match="readonly"):
            reader.finish()


def test_threads_may_share_it(tmp_path: Path) -> None:
    with create(tmp_path) as ledger:
        writers = [threading.Thread(target=ledger.record, args=(checkpoint(step),)) for step in range(10, 200, 10)]
        for writer in writers:
            writer.start()
        ledger.read()
        for writer in writers:
            writer.join()
        assert len(ledger.read().checkpoints) == 19


def test_a_missing_or_taken_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not exist"):
        Ledger.open(tmp_path / "ledger.db")
    create(tmp_path).close()
    with pytest.raises(RunError, match="exists already"):
        create(tmp_path)


@pytest.mark.parametrize("damage", ["text", "flipped", "truncated", "json", "rows"])
def test_damage_is_told_and_not_guessed_at(tmp_path: Path, damage: str) -> None:
    with create(tmp_path) as ledger:
        ledger.record(checkpoint(10))
    path = tmp_path / "ledger.db"
    content = path.read_bytes()
    match damage:
        case "text":
            path.write_text("this is not a database, though it is long enough to look like one" * 20)
        case "flipped":
            path.write_bytes(content[:4096] + bytes(255 - byte for byte in content[4096:]))
        case "truncated":
            path.write_bytes(content[:5000])
        case "json" | "rows":
            statement = "UPDATE run SET plan = '{'" if damage == "json" else "DELETE FROM run"
            connection = sqlite3.connect(path)
            with connection:
                connection.execute(statement)
            connection.close()
    with pytest.raises(RunError, match=r"ledger\.db .*restore it or start a new run"):
        read(path)


def read(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.read()


def test_another_version_is_refused(tmp_path: Path) -> None:
    create(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(RunError, match=f"version {SCHEMA_VERSION + 1}"):
        Ledger.open(tmp_path / "ledger.db")


def test_dropped_weights_stay_dropped_when_their_checkpoint_is_told_again(tmp_path: Path) -> None:
    with create(tmp_path) as ledger:
        ledger.record(checkpoint(10))
        ledger.record(checkpoint(20))
        ledger.drop_weights(["b01-000010"])
        ledger.record(checkpoint(10))
        record = ledger.read()
    assert {key: c.kept for key, c in record.checkpoints.items()} == {"b01-000010": False, "b01-000020": True}
    assert set(record.scorecards) == {"b01-000010", "b01-000020"}
