"""The person takes another checkpoint than the one recommended: both are kept, and everything shows it."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.errors import RunError
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.records.names import Metric
from dbsweep.records.record import Scalar
from dbsweep.reports.contract import best_json
from dbsweep.reports.decision import decision
from dbsweep.reports.listings import best_text
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.overruling import overrule
from dbsweep.sweep.running import run_experiment
from tests.commands.calling import call
from tests.sweep.files import write_experiment, write_weights


def curve(settings: Mapping[str, Scalar], step: int) -> dict[Metric, float]:
    """The hard rate learns faster; both keep style and prior."""
    gain = 0.08 if float(settings["learning_rate"]) > 5e-4 else 0.02
    return dict.fromkeys(Metric, 1.0) | {Metric.IDENTITY: min(0.9, gain * step)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setattr("dbsweep.models.sources.check_source", lambda source: None)
    experiment = load_experiment(write_experiment(tmp_path), ["choose.constraints=['identity >= 0.3']"])
    view = TerminalView(Console(file=io.StringIO(), width=200))
    run = run_experiment(experiment, lambda *_: SimulatedBackend(curve), view)
    write_weights(run)
    return run


def test_both_choices_are_kept_and_the_persons_is_shown(folder: RunFolder) -> None:
    before = read_run(folder)
    assert before.choice is not None
    assert "It meets `identity >= 0.3`." in before.choice.reason
    other = next(row for row in before.choice.candidates if row.checkpoint != before.choice.best.checkpoint)
    made, page = overrule(folder, other.checkpoint, "  her smile ")
    record = read_run(folder)
    assert record.choice == before.choice
    assert record.overrule == made
    assert (record.kept, made.because) == (other, "her smile")
    best = best_json(record, folder.path)
    assert (best["checkpoint"], best["trial"]) == (other.checkpoint, other.trial)
    recommended = before.choice.best
    assert best["overrule"] == {
        "because": "her smile",
        "recommended": {
            "trial": recommended.trial,
            "checkpoint": recommended.checkpoint,
            "epoch": recommended.epoch,
        },
    }
    text = "\n".join(best_text(record, folder.path))
    assert f"keep {other.checkpoint}" in text
    assert f"You chose it, because: her smile\ndbsweep recommends {recommended.checkpoint}" in text
    told = decision(record, folder.path)
    assert told is not None
    assert (told.checkpoint, told.overruled.split(".")[0]) == (other.checkpoint, "Your choice, because: her smile")
    written = page.read_text(encoding="utf-8")
    assert "Your choice, because: her smile" in written
    assert f"dbsweep export {folder.path} --out" in written  # not in `runs`: its name alone would not be found


def test_the_latest_word_counts(folder: RunFolder) -> None:
    record = read_run(folder)
    assert record.choice is not None
    first, second = record.choice.candidates[:2]
    overrule(folder, second.checkpoint, "sharper")
    overrule(folder, first.checkpoint, "dbsweep was right")
    assert read_run(folder).kept == first


@pytest.mark.parametrize(
    ("checkpoint", "because", "message"),
    [
        ("b01-00012", "x", r"no checkpoint 'b01-00012'; did you mean `b01-000012`, `b0\d-\d+` or `b0\d-\d+`\?$"),
        ("{best}", "  ", "--because must say why"),
    ],
)
def test_a_wrong_overrule_is_refused(folder: RunFolder, checkpoint: str, because: str, message: str) -> None:
    record = read_run(folder)
    assert record.choice is not None
    with pytest.raises(RunError, match=message):
        overrule(folder, checkpoint.format(best=record.choice.best.checkpoint), because)
    assert read_run(folder).overrule is None


@pytest.mark.parametrize("lost", ["unet.safetensors", "manifest.json"])
def test_a_checkpoint_whose_files_are_gone_is_refused(folder: RunFolder, lost: str) -> None:
    record = read_run(folder)
    assert record.choice is not None
    checkpoint = record.choice.candidates[1].checkpoint
    path = folder.path / record.checkpoints[checkpoint].path
    (path / lost).unlink()
    with pytest.raises(
        RunError, match=rf"the files of checkpoint '{checkpoint}' are gone .*\({path} lacks {lost}\): put"
    ):
        overrule(folder, checkpoint, "her smile")
    assert read_run(folder).overrule is None


def test_a_run_that_is_going_on_is_left_alone(folder: RunFolder) -> None:
    record = read_run(folder)
    assert record.choice is not None
    with closing(sqlite3.connect(folder.ledger)) as connection, connection:
        connection.execute("UPDATE run SET finished = NULL")
    with pytest.raises(RunError, match=r"run 'demo' is not over, and only it may write its ledger now"):
        overrule(folder, record.choice.best.checkpoint, "x")
    assert read_run(folder).overrule is None


def test_the_command_takes_it(
    folder: RunFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = read_run(folder)
    assert record.choice is not None
    other = record.choice.candidates[1].checkpoint
    code, out, err = call(capsys, monkeypatch, "choose", str(folder.path), other, "--because", "I like it")
    assert (code, out) == (0, "")
    assert f"Kept {other} as your choice" in err
    code, out, _ = call(capsys, monkeypatch, "best", str(folder.path), "--json")
    assert (code, json.loads(out)["checkpoint"]) == (0, other)
