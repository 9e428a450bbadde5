"""Weights that a running sweep no longer needs are dropped."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.execution.simulated import UNTRAINED, SimulatedBackend, make_scorecard
from dbsweep.records.events import BranchEnded
from dbsweep.records.names import BASE, TrialState
from dbsweep.reports.terminal import TerminalView
from dbsweep.selection.utility import utility_of
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.housekeeping import Housekeeping
from dbsweep.sweep.running import resume_run, run_experiment
from tests.execution.ledgers import checkpoint
from tests.execution.sweeps import make_experiment, make_plan
from tests.sweep.files import write_experiment
from tests.sweep.on_paper import curve, run

pytestmark = pytest.mark.usefixtures("any_base_model")


def test_with_keep_the_best_of_each_trial_stays_and_the_choice_is_one_of_them(tmp_path):
    everything, _, _ = run(tmp_path / "a", curve)
    experiment = load_experiment(write_experiment(tmp_path / "b"), ["checkpoints.keep=1"])
    view = TerminalView(Console(file=io.StringIO()))
    record = read_run(run_experiment(experiment, lambda *_: SimulatedBackend(curve), view))
    assert record.states == everything.states
    assert {key: c.sha256 for key, c in record.checkpoints.items()} == {
        key: c.sha256 for key, c in everything.checkpoints.items()
    }
    assert record.choice is not None
    kept = {key for key, c in record.checkpoints.items() if c.kept}
    assert record.choice.best.checkpoint in kept
    assert {row.checkpoint for row in record.choice.candidates} == kept
    worth = utility_of(record)
    for trial in record.plan.trials:
        best = max(record.checkpoints_of(trial.id), key=lambda c: worth.value_of(record.scorecards[c.id]))
        assert best.id in kept
    assert len(kept) <= len(record.plan.trials) < len(record.checkpoints)
    assert record.plan.cost.disk_bytes < everything.plan.cost.disk_bytes


def test_what_a_kill_after_the_end_has_left_goes_when_the_run_is_resumed(tmp_path):
    """The ledger has its end by then, and nobody else would ever look again."""
    experiment = load_experiment(write_experiment(tmp_path), ["checkpoints.keep=1"])
    folder = run_experiment(experiment, lambda *_: SimulatedBackend(curve), TerminalView(Console(file=io.StringIO())))
    record = read_run(folder)
    forks = {(branch.id, m.step) for branch in record.plan.branches for m in branch.milestones if m.fork}
    fork = next(c for c in record.checkpoints.values() if (c.branch, c.step) in forks)
    dropped = next(c for c in record.checkpoints.values() if not c.kept and c != fork)
    for left, files in (
        (fork, {"state.safetensors": 3000, "state.json": 10}),
        (dropped, {"unet.safetensors": 1000}),
    ):
        path = folder.path / left.path
        path.mkdir(parents=True)
        for name, size in files.items():
            (path / name).write_bytes(b"x" * size)
        (path / "manifest.json").write_text(json.dumps({"files": dict.fromkeys(files, "0")}))
    resume_run(folder, no_backend, TerminalView(Console(file=(told := io.StringIO()), width=200)))
    for left in (fork, dropped):
        assert [file.name for file in (folder.path / left.path).iterdir()] == ["manifest.json"]
    assert "Freed 4.0 kB: training states and weights that a kill had left" in told.getvalue()
    resume_run(folder, no_backend, TerminalView(Console(file=(again := io.StringIO()))))
    assert "Freed" not in again.getvalue()


def no_backend(*_):
    raise AssertionError("nothing is left to train")


OPTUNA = {"learning_rate": {"loguniform": [1e-6, 1e-2]}, "searcher": "optuna", "scheduler": "none"}


@pytest.mark.parametrize("search", [{"scheduler": "none"}, OPTUNA], ids=["random", "optuna"])
def test_a_fork_s_state_goes_once_its_branch_has_ended_and_what_starts_there_has_states(tmp_path, search):
    """Points that a searcher proposes later grow trees of their own: nothing of theirs starts at this fork."""
    experiment, plan = make_experiment(search=search), make_plan()
    fork = checkpoint(20).checkpoint
    state = tmp_path / fork.path / "state.safetensors"
    state.parent.mkdir(parents=True)
    state.write_bytes(b"x")
    (state.parent / "manifest.json").write_text('{"files": {"state.safetensors": "0"}}')
    over = BranchEnded(branch="b01", state=TrialState.COMPLETED, last_step=40)
    with Ledger.create(tmp_path / "ledger.db", "demo", experiment, plan) as ledger:
        housekeeping = Housekeeping(tmp_path, experiment, plan, ledger, make_scorecard(BASE, UNTRAINED))
        for event in (checkpoint(20), checkpoint(40), over, checkpoint(30, "b02")):
            ledger.record(event)
            housekeeping.after(event)
        assert state.is_file()
        housekeeping.after(checkpoint(40, "b02"))
    assert not state.exists()
