"""A search that learns, from file to choice on the simulated back end: rounds, repeatability, resumption."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.config.schema import Experiment
from dbsweep.errors import ResourceError
from dbsweep.execution.backend import OnEvent
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.simulated import UNTRAINED, SimulatedBackend
from dbsweep.records.events import CheckpointScored, Event
from dbsweep.records.names import Metric, TrialState
from dbsweep.records.record import Scalar
from dbsweep.records.run import RunRecord
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.proposing import next_round, observations
from dbsweep.sweep.running import resume_run, run_experiment
from tests.sweep.files import write_experiment

SEARCH = (
    "search.learning_rate={loguniform: [1e-6, 1e-2]}",
    "search.samples=8",
    "search.searcher=optuna",
    "search.random_samples=4",
    "search.suggest_at_once=2",
)


def curve(settings: Mapping[str, Scalar], step: int) -> Mapping[Metric, float]:
    """Learns best at 1e-4, and more with every step."""
    distance = abs(math.log10(float(settings["learning_rate"])) + 4)
    return {**UNTRAINED, Metric.IDENTITY: max(0.05, 1 - distance / 2) * min(1.0, step / 24)}


def experiment_in(folder: Path, *more: str) -> Experiment:
    return load_experiment(write_experiment(folder), (*SEARCH, *more))


def view() -> TerminalView:
    return TerminalView(Console(file=io.StringIO(), width=200))


def run(folder: Path, *more: str) -> RunRecord:
    return read_run(run_experiment(experiment_in(folder, *more), lambda *_: SimulatedBackend(curve), view()))


def rates(record: RunRecord) -> list[float]:
    return list(dict.fromkeys(float(trial.settings["learning_rate"]) for trial in record.plan.trials))


def test_rounds_follow_until_all_samples_are_tried_and_sharing_goes_on(tmp_path):
    record = run(tmp_path, "search.scheduler=none")
    assert len(rates(record)) == 8
    # Each point is tried with epochs 4 and 8, which share a branch up to the freeze at epoch 2 of the shorter.
    assert len(record.plan.trials) == 16
    assert set(record.states.values()) == {TrialState.COMPLETED}
    assert record.plan.cost.steps_shared < record.plan.cost.steps_alone
    assert record.choice is not None
    later = rates(record)[4:]
    assert min(abs(math.log10(rate) + 4) for rate in later) < 0.5
    assert RunFolder(tmp_path / "runs" / "demo").plan.read_text(encoding="utf-8").count('"t016"') > 0


def test_the_same_file_and_seed_propose_the_same_points(tmp_path):
    first, again = run(tmp_path / "a"), run(tmp_path / "b")
    assert first.plan.trials == again.plan.trials
    assert run(tmp_path / "c", "train.seed=1").plan.trials != first.plan.trials


def test_a_point_is_worth_its_best_checkpoint_under_any_grid_axis(tmp_path):
    record = run(tmp_path)
    experiment = experiment_in(tmp_path / "same")
    assert record.choice is not None
    worth = {candidate.checkpoint: candidate.utility for candidate in record.choice.candidates}
    for point, value in observations(experiment, record):
        trials = [t.id for t in record.plan.trials if t.settings["learning_rate"] == point["learning_rate"]]
        assert len(trials) == 2
        assert value == max(worth[c.id] for trial in trials for c in record.checkpoints_of(trial))
    assert next_round(experiment, record) is None


class _Interrupted(SimulatedBackend):
    """A back end whose person presses Ctrl-C at a checkpoint of the second round."""

    def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
        def pressing(event: Event) -> None:
            on_event(event)
            if isinstance(event, CheckpointScored) and int(event.checkpoint.branch[1:]) > 8:
                raise KeyboardInterrupt

        super().run(jobs, pressing)


@pytest.mark.parametrize("scheduler", ["none", "outrun", "asha"])
def test_a_resumed_search_proposes_what_it_would_have_proposed(tmp_path, scheduler: str):
    more = (f"search.scheduler={scheduler}", "search.grace_epochs=2", "search.reduction_factor=2")
    undisturbed = run(tmp_path / "a", *more)
    experiment = experiment_in(tmp_path / "b", *more)
    with pytest.raises(KeyboardInterrupt):
        run_experiment(experiment, lambda *_: _Interrupted(curve), view())
    folder = RunFolder.open(experiment.output, "demo")
    assert 4 < len(rates(read_run(folder))) < 8
    resume_run(folder, lambda *_: SimulatedBackend(curve), view())
    resumed = read_run(folder)
    assert resumed.plan == undisturbed.plan
    assert resumed.choice == undisturbed.choice
    assert resumed.states == undisturbed.states
    stopped = {TrialState.STOPPED} & set(resumed.states.values())
    assert bool(stopped) == (scheduler != "none")


def test_a_searcher_that_is_not_installed_is_named_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ResourceError, match=r"pip install 'dbsweep\[optuna\]', or use random"):
        run(tmp_path)
    assert not (tmp_path / "runs").exists()
