"""Tune in its thread, and what comes of it in the caller's: events, errors, Ctrl-C; a function stands for Tune."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import tune

from dbsweep.config.schema import Resources
from dbsweep.execution.backend import OnEvent
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.ray.searcher import BranchSearcher, EventRelay, as_result
from dbsweep.execution.ray.tasks import RETRIES
from dbsweep.execution.ray.tune_thread import TuneThread
from dbsweep.execution.storage.exchange import Exchange
from dbsweep.records.events import BranchEnded, CheckpointScored, Event
from dbsweep.records.names import TrialState
from tests.execution.on_paper import scored
from tests.execution.sweeps import make_branch_jobs

EPOCHS = {"b01": (1, 2, 3, 4), "b02": (3, 4), "b03": (4, 5)}
TRAINED = [("b01", 10), ("b01", 20), ("b01", 30), ("b01", 40), ("b02", 30), ("b02", 40), ("b03", 40), ("b03", 50)]


class Tuning:
    """What Tune was made of, and what it does when it fits.

    Attributes:
        made: the arguments of the Tuner.
        heard: what the exchange heard.
    """

    def __init__(self, folder: Path, fit: Callable[[Tuning], None]) -> None:
        self.run_folder = RunFolder(folder)
        self.made: dict[str, Any] = {}
        self.heard: list[Event] = []
        self._fit = fit

    def tuner(self, trainable: object, **configs: object) -> SimpleNamespace:
        """In the place of `ray.tune.Tuner`."""
        self.made = {"trainable": trainable, **configs}
        return SimpleNamespace(fit=lambda: self._fit(self))

    @property
    def searcher(self) -> BranchSearcher:
        found: BranchSearcher = self.made["tune_config"].search_alg
        return found

    @property
    def relay(self) -> EventRelay:
        found: EventRelay = self.made["run_config"].callbacks[0]
        return found

    def start(self, branch: str) -> None:
        assert self.searcher.suggest(branch) not in (None, BranchSearcher.FINISHED)

    def report(self, branch: str, event: Event) -> None:
        trial = SimpleNamespace(trial_id=branch, error_file=None)
        self.relay.on_trial_result(1, [], trial, as_result([event]))

    def train(self, branch: str) -> None:
        """As Tune does with a branch that nothing happens to."""
        self.start(branch)
        for epoch in EPOCHS[branch]:
            self.report(branch, scored(branch, epoch, 1e-4))
        self.report(branch, BranchEnded(branch=branch, state=TrialState.COMPLETED, last_step=10 * EPOCHS[branch][-1]))

    def thread(self, resources: Resources | None = None, body: Any = None) -> TuneThread:
        exchange = Exchange(self.run_folder)
        exchange.hear = self.heard.append  # type: ignore[method-assign, assignment]
        jobs = make_branch_jobs(self.run_folder.path)
        return TuneThread(jobs, self.run_folder, resources or Resources(), exchange=exchange, ending=None, body=body)


@pytest.fixture
def tuning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Tuning], None]], Tuning]:
    def make(fit: Callable[[Tuning], None]) -> Tuning:
        made = Tuning(tmp_path, fit)
        monkeypatch.setattr(tune, "Tuner", made.tuner)
        return made

    return make


def train_all(tuning: Tuning) -> None:
    for branch in EPOCHS:
        tuning.train(branch)


def steps(events: list[Event]) -> list[tuple[str, int]]:
    return [(e.checkpoint.branch, e.checkpoint.step) for e in events if isinstance(e, CheckpointScored)]


def ends(events: list[Event]) -> list[tuple[str, TrialState, int, str]]:
    return [(e.branch, e.state, e.last_step, e.reason) for e in events if isinstance(e, BranchEnded)]


def listening(events: list[Event], on_checkpoint: Callable[[], None]) -> OnEvent:
    def on_event(event: Event) -> None:
        events.append(event)
        if isinstance(event, CheckpointScored):
            on_checkpoint()

    return on_event


def test_events_come_in_the_callers_thread_and_the_exchange_hears_of_them_afterwards(tuning) -> None:
    tune_at, threads, behind = tuning(train_all), set(), []
    events: list[Event] = []

    def note() -> None:
        threads.add(threading.get_ident())
        behind.append(len(events) - len(tune_at.heard))

    tune_at.thread().run(listening(events, note))
    assert threads == {threading.get_ident()}
    assert set(behind) == {1}
    assert steps(events) == TRAINED
    assert tune_at.heard == events


@pytest.mark.parametrize(("error", "told"), [(None, ""), (ValueError("a bug"), ": a bug")])
def test_where_tune_ends_early_every_branch_that_has_no_end_gets_one(
    tuning, error: Exception | None, told: str
) -> None:
    def fit(tuning: Tuning) -> None:
        tuning.start("b01")
        tuning.report("b01", scored("b01", 2, 1e-4))
        if error is not None:
            raise error

    events: list[Event] = []
    thread = tuning(fit).thread()
    if error is None:
        thread.run(events.append)
    else:
        with pytest.raises(ValueError, match="a bug"):
            thread.run(events.append)
    reason, failed = f"Ray Tune ended early{told}", TrialState.FAILED
    assert ends(events) == [("b01", failed, 20, reason), ("b02", failed, 20, reason), ("b03", failed, 30, reason)]


def test_whoever_raises_is_told_no_more_and_the_workers_are_asked_to_end(tuning) -> None:
    def refuse() -> None:
        raise OSError("disk full")

    made = tuning(train_all)
    events: list[Event] = []
    with pytest.raises(OSError, match="disk full"):
        made.thread().run(listening(events, refuse))
    assert steps(events) == TRAINED[:1]
    assert made.run_folder.stop_request.exists()
    assert TRAINED[0] not in steps(made.heard), "its pictures are not fetched"


def test_ctrl_c_drops_what_waits_and_is_raised_when_all_is_told(tuning) -> None:
    heard = threading.Event()

    def fit(tuning: Tuning) -> None:
        tuning.start("b01")
        tuning.report("b01", scored("b01", 1, 1e-4))
        assert heard.wait(timeout=60)
        while not tuning.run_folder.stop_request.exists():
            time.sleep(0.001)
        tuning.report("b01", BranchEnded(branch="b01", state=TrialState.INTERRUPTED, last_step=10, reason="saved"))
        assert tuning.searcher.suggest("b02") == BranchSearcher.FINISHED

    def press() -> None:
        heard.set()
        raise KeyboardInterrupt

    events: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        tuning(fit).thread().run(listening(events, press))
    assert {(branch, state) for branch, state, _, _ in ends(events)} == {
        (branch, TrialState.INTERRUPTED) for branch in EPOCHS
    }


def test_a_second_ctrl_c_does_not_wait_for_the_workers(tuning) -> None:
    released, ended = threading.Event(), threading.Event()

    def fit(tuning: Tuning) -> None:
        tuning.start("b01")
        for epoch in (1, 2):
            tuning.report("b01", scored("b01", epoch, 1e-4))
        released.wait(timeout=60)
        ended.set()

    def press() -> None:
        raise KeyboardInterrupt

    events: list[Event] = []
    try:
        with pytest.raises(KeyboardInterrupt):
            tuning(fit).thread().run(listening(events, press))
        assert steps(events) == TRAINED[:2]
        assert not ended.is_set()
    finally:
        released.set()


def test_tune_is_asked_for_trials_that_are_called_as_their_branches(tuning) -> None:
    made = tuning(train_all)
    made.thread().run(lambda event: None)
    config, run_config = made.made["tune_config"], made.made["run_config"]
    trial = SimpleNamespace(trial_id="b02")
    assert config.trial_name_creator(trial) == config.trial_dirname_creator(trial) == "b02"
    assert (config.num_samples, config.reuse_actors, config.metric) == (-1, True, None)
    assert run_config.failure_config.max_failures == RETRIES
    assert run_config.storage_path == str(made.run_folder.path / "ray")


def test_a_trial_takes_what_the_experiment_says_and_trains_with_the_body(tuning, monkeypatch) -> None:
    bodies: list[tuple[object, object]] = []
    monkeypatch.setattr("dbsweep.execution.ray.worker.train_branch", lambda *given: bodies.append(given))
    made = tuning(train_all)
    made.thread(Resources(cpus_per_trial=3, gpus_per_trial=0.25), body=print)
    branch = made.made["trainable"]
    assert branch._resources.required_resources == {"CPU": 3.0, "GPU": 0.25}
    branch({"job": "b01"})
    assert bodies == [({"job": "b01"}, print)]
