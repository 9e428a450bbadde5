"""The ledger: what goes in comes out, twice recorded is once recorded, damage is told."""

from __future__ import annotations

import math
import sqlite3
import threading
from pathlib import Path

import pytest

from dbsweep.errors import DiskError, RunError
from dbsweep.execution.ledger import SCHEMA_VERSION, Ledger
from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.choice import Candidate, Choice
from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored
from dbsweep.records.names import BASE, Metric, TrialState, VerdictState
from dbsweep.records.results import Checkpoint, GridImage, StepLog, Verdict
from dbsweep.selection.trialbook import TrialNews
from tests.execution.sweeps import make_experiment, make_plan

LEARNING = Verdict(state=VerdictState.LEARNING, onset_step=None, evidence="identity gains")


def create(folder: Path) -> Ledger:
    return Ledger.create(folder / "ledger.db", "demo", make_experiment(), make_plan())


def checkpoint(step: int, branch: str = "b01") -> CheckpointScored:
    name = f"{branch}-{step:06d}"
    return CheckpointScored(
        checkpoint=Checkpoint(
            id=name, branch=branch, step=step, epoch=step // 10, path=f"checkpoints/{name}", sha256="ab" * 32, bytes=7
        ),
        log=StepLog(
            step=step,
            loss=math.nan,
            instance_loss=0.1,
            prior_loss=0.2,
            learning_rate=1e-4,
            grad_norm=math.inf,
            steps_per_s=9.5,
            memory_bytes=2**33,
        ),
        scorecard=make_scorecard(name, {**UNTRAINED, Metric.IDENTITY: 0.125, Metric.PRIOR: math.nan}),
        verdict=LEARNING,
    )


def grid(title: str) -> GridImage:
    return GridImage(
        title=title,
        prompt="photo",
        x_label="CFG",
        y_label="",
        z_label="",
        x_values=("3",),
        y_values=("",),
        z_values=("",),
        seeds=(1,),
        cells=(((("grids/a.png",),),),),
    )


def test_a_new_ledger_is_all_pending(tmp_path: Path) -> None:
    with create(tmp_path) as ledger:
        record = ledger.read()
    assert record.plan == make_plan()
    assert record.experiment == make_experiment().model_dump(mode="json")
    assert record.states == dict.fromkeys(["t001", "t002", "t003", "t004"], TrialState.PENDING)
    assert record.branch_states == dict.fromkeys(["b01", "b02", "b03"], TrialState.PENDING)
    assert record.choice is None
    assert record.finished is None
    assert record.started > 1.7e9


def test_events_come_back_as_they_went_in(tmp_path: Path) -> None:
    event = checkpoint(10)
    with create(tmp_path) as ledger:
        ledger.set_base(make_scorecard(BASE, UNTRAINED), "cd" * 32)
        ledger.record(BranchStarted(branch="b01", host="node-7", pid=4))
        assert ledger.read().branch_states["b01"] is TrialState.RUNNING
        ledger.record(event)
        ledger.record(BranchEnded(branch="b01", state=TrialState.FAILED, last_step=10, reason="NaN"))
        ledger.update_trials([TrialNews("t001", TrialState.FAILED, None), TrialNews("t001", None, LEARNING)])
        record = ledger.read()
    assert record.base_sha256 == "cd" * 32
    assert record.hosts == {"b01": "node-7"}
    assert record.failures == {"b01": "NaN"}
    assert record.branch_states["b01"] is TrialState.FAILED
    assert record.checkpoints == {"b01-000010": event.checkpoint}
    assert repr(record.logs["b01-000010"]) == repr(event.log)  # repr: NaN is not equal to itself
    assert repr(record.scorecards["b01-000010"]) == repr(event.scorecard)
    assert record.scorecards[BASE].value(Metric.STYLE) == 1.0
    assert (record.states["t001"], record.verdicts) == (TrialState.FAILED, {"t001": LEARNING})


def test_recording_twice_changes_nothing(tmp_path: Path) -> None:
    with create(tmp_path) as ledger:
        for _ in range(2):
            ledger.record(checkpoint(10))
            ledger.record(checkpoint(20))
            ledger.add_grid(grid("CFG"))
        record = ledger.read()
    assert [c.step for c in record.checkpoints_of("t001")] == [10, 20]
    assert len(record.grids) == 1


def test_choice_grids_and_end_are_kept(tmp_path: Path) -> None:
    best = Candidate(
        trial="t001",
        checkpoint="b01-000010",
        step=10,
        epoch=1,
        identity=0.5,
        style=0.5,
        prior=0.5,
        utility=0.5,
        on_front=True,
    )
    choice = Choice(best=best, reason="the only one", candidates=(best,))
    with create(tmp_path) as ledger:
        ledger.set_choice(choice)
        ledger.add_grid(grid("first"))
        ledger.add_grid(grid("second"))
        ledger.finish()
    with Ledger.open(tmp_path / "ledger.db", read_only=True) as ledger:
        record = ledger.read()
    assert record.choice == choice
    assert [g.title for g in record.grids] == ["first", "second"]
    assert record.finished is not None
    assert record.finished >= record.started


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


def test_a_full_disk_is_told_as_such_and_loses_nothing(tmp_path: Path) -> None:
    with create(tmp_path) as ledger:
        ledger.record(checkpoint(10))
        ledger._connection.execute("PRAGMA max_page_count = 1")  # SQLite's own way to have no room: as many as now
        with pytest.raises(DiskError, match=r"no disk space left to write .*ledger\.db"):
            record_many(ledger)
        ledger._connection.execute("PRAGMA max_page_count = 1000000")
        before = len(ledger.read().checkpoints)
        ledger.record(checkpoint(5000))
        assert len(ledger.read().checkpoints) == before + 1


def record_many(ledger: Ledger) -> None:
    for step in range(20, 4000, 10):
        ledger.record(checkpoint(step))


def test_dropped_weights_stay_dropped_when_their_checkpoint_is_told_again(tmp_path: Path) -> None:
    with create(tmp_path) as ledger:
        ledger.record(checkpoint(10))
        ledger.record(checkpoint(20))
        ledger.drop_weights(["b01-000010"])
        ledger.record(checkpoint(10))
        record = ledger.read()
    assert {key: c.kept for key, c in record.checkpoints.items()} == {"b01-000010": False, "b01-000020": True}
    assert set(record.scorecards) == {"b01-000010", "b01-000020"}
