"""What is said of runs that exist, led or left alone."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.execution.backend import OnEvent
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.records.events import CheckpointScored, Event
from dbsweep.records.names import TrialState
from dbsweep.records.run import LEFT_ALONE, RunRecord
from dbsweep.reports.contract import runs_json
from dbsweep.reports.listings import runs_text
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run, read_runs
from dbsweep.sweep.running import run_experiment
from tests.sweep.files import write_experiment
from tests.sweep.on_paper import curve

pytestmark = pytest.mark.usefixtures("any_base_model")


def test_a_run_that_nobody_leads_any_more_is_not_told_as_running(tmp_path):
    class Killed(SimulatedBackend):
        """After the first checkpoint nothing more is heard of the driver."""

        def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
            def hearing(event: Event) -> None:
                on_event(event)
                if isinstance(event, CheckpointScored):
                    told.append(read_run(RunFolder.open(experiment.output, "demo")))
                    raise MemoryError

            super().run(jobs, hearing)

    told: list[RunRecord] = []
    experiment = load_experiment(write_experiment(tmp_path))
    with pytest.raises(MemoryError):
        run_experiment(experiment, lambda *_: Killed(curve), TerminalView(Console(file=io.StringIO())))
    (alive,) = told
    (dead,), _ = read_runs(experiment.output)
    assert not alive.interrupted
    assert runs_json([alive])[0]["state"] == "running"
    assert "state" in runs_text([alive])[0]
    assert dead.interrupted
    assert runs_json([dead])[0]["state"] == "interrupted"
    for before, after in ((alive.states, dead.states), (alive.branch_states, dead.branch_states)):
        assert {TrialState.RUNNING, TrialState.PENDING} <= set(before.values())
        replaced = {TrialState.RUNNING: TrialState.INTERRUPTED}
        assert after == {key: replaced.get(state, state) for key, state in before.items()}
    assert dead.failures == dict.fromkeys((b for b, s in alive.branch_states.items() if s == "running"), LEFT_ALONE)


@pytest.mark.parametrize("command", ["best", "trials", "report", "resume", "track"])
@pytest.mark.parametrize("name", ["demo@best", "demo@b01-000120", "elsewhere/demo@b01-000120"])
def test_a_checkpoint_where_a_run_is_asked_for_is_told_as_one(dbsweep, tmp_path, command, name):
    """`export` takes it, and so does a base model."""
    code, out, err = dbsweep(command, name, "--runs", tmp_path)
    assert (code, out) == (2, "")
    told = f"'{name}' names a checkpoint, and a run is asked for: give {name.partition('@')[0]}; `dbsweep export`"
    assert told in " ".join(err.split())
