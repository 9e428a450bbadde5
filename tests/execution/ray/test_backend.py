"""Branches on real Ray Tune with workers that train nothing: order, failures, deaths, stops."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray

from dbsweep.config.schema import Resources
from dbsweep.errors import ResourceError, WorkerError
from dbsweep.execution.backend import Decision, Emit
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.ray import backend as ray_backend
from dbsweep.execution.ray.backend import RayBackend
from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import TrialState
from dbsweep.records.results import Checkpoint
from tests.execution.sweeps import make_branch_jobs, step_log

pytestmark = pytest.mark.usefixtures("ray_session")


def pretend(job: BranchJob, emit: Emit, seconds: float = 0.0) -> None:
    """Reports every checkpoint of a branch and trains nothing; the log's loss is its first lineage step."""
    branch = job.branch
    emit(BranchStarted(branch=branch.id, host="here", pid=os.getpid()))
    for milestone in branch.milestones:
        time.sleep(seconds)
        name = f"{branch.id}-{milestone.step:06d}"
        checkpoint = Checkpoint(
            id=name, branch=branch.id, step=milestone.step, epoch=milestone.epoch, path=name, sha256="", bytes=0
        )
        log = step_log(milestone.step, loss=len(job.fork.lineage) if job.fork else 0)
        card = make_scorecard(name, UNTRAINED)
        if emit(CheckpointScored(checkpoint=checkpoint, log=log, scorecard=card, verdict=None)) is Decision.STOP:
            emit(BranchEnded(branch=branch.id, state=TrialState.INTERRUPTED, last_step=milestone.step))
            return
    emit(BranchEnded(branch=branch.id, state=TrialState.COMPLETED, last_step=branch.end_step))


def run(
    folder: Path, body: Callable[[BranchJob, Emit], None], on_event: Callable[[Event], None] | None = None
) -> list[Event]:
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)
        if on_event is not None:
            on_event(event)

    backend = RayBackend(RunFolder(folder), Resources(), body=body)
    folder.mkdir(exist_ok=True)
    backend.run(make_branch_jobs(folder), listen)
    return events


def ends(events: list[Event]) -> dict[str, TrialState]:
    found = [event for event in events if isinstance(event, BranchEnded)]
    assert len({end.branch for end in found}) == len(found)
    return {end.branch: end.state for end in found}


def test_branches_run_in_the_order_of_their_forks(tmp_path: Path) -> None:
    events = run(tmp_path / "run", pretend)
    assert ends(events) == dict.fromkeys(["b01", "b02", "b03"], TrialState.COMPLETED)
    steps = [(e.checkpoint.branch, e.checkpoint.step) for e in events if isinstance(e, CheckpointScored)]
    assert sorted(steps) == [("b01", s) for s in (10, 20, 30, 40)] + [
        ("b02", 30),
        ("b02", 40),
        ("b03", 40),
        ("b03", 50),
    ]
    lineage = {e.checkpoint.branch: e.log.loss for e in events if isinstance(e, CheckpointScored)}
    assert lineage == {"b01": 0, "b02": 2, "b03": 3}


def test_branches_that_last_are_trained_on_all_workers_at_once(tmp_path: Path) -> None:
    def body(job: BranchJob, emit: Emit) -> None:
        """The two branches that wait for each other can only both end where each has a worker."""
        if job.branch.parent is None:
            (tmp_path / job.branch.id).write_text(str(os.getpid()))
            until = time.monotonic() + 60.0
            while len(list(tmp_path.glob("b0*"))) < 2:
                assert time.monotonic() < until, "no other worker has come"
                time.sleep(0.02)
        pretend(job, emit)

    first = make_branch_jobs(tmp_path / "run")[0]
    other = first.model_copy(update={"branch": first.branch.model_copy(update={"id": "b09"})})
    (tmp_path / "run").mkdir()
    events: list[Event] = []
    RayBackend(RunFolder(tmp_path / "run"), Resources(), body=body).run((first, other), events.append)
    assert ends(events) == dict.fromkeys(["b01", "b09"], TrialState.COMPLETED)
    assert (tmp_path / "b01").read_text() != (tmp_path / "b09").read_text()


def test_a_raising_branch_does_not_stop_the_others(tmp_path: Path) -> None:
    def body(job: BranchJob, emit: Emit) -> None:
        if job.branch.id == "b02":
            raise ValueError("no luck")
        pretend(job, emit)

    events = run(tmp_path / "run", body)
    assert ends(events) == {"b01": TrialState.COMPLETED, "b02": TrialState.FAILED, "b03": TrialState.FAILED}
    reasons = {e.branch: e.reason for e in events if isinstance(e, BranchEnded)}
    assert "no luck" in reasons["b02"]
    assert "before the fork" in reasons["b03"]


def test_a_killed_worker_is_started_again(tmp_path: Path) -> None:
    marker = tmp_path / "died"

    def body(job: BranchJob, emit: Emit) -> None:
        if job.branch.id == "b02" and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        pretend(job, emit)

    assert ends(run(tmp_path / "run", body)) == dict.fromkeys(["b01", "b02", "b03"], TrialState.COMPLETED)
    assert marker.exists()


def test_a_worker_that_always_dies_fails_its_branch_alone(tmp_path: Path) -> None:
    def body(job: BranchJob, emit: Emit) -> None:
        if job.branch.id == "b03":
            os.kill(os.getpid(), signal.SIGKILL)
        pretend(job, emit)

    events = run(tmp_path / "run", body)
    assert ends(events) == {"b01": TrialState.COMPLETED, "b02": TrialState.COMPLETED, "b03": TrialState.FAILED}
    (reason,) = [e.reason for e in events if isinstance(e, BranchEnded) and e.branch == "b03"]
    assert reason.startswith("its worker died: ")
    assert "no reason known" not in reason


def test_ctrl_c_ends_the_workers_and_tells_of_every_branch(tmp_path: Path) -> None:
    # A test run in the background of a shell inherits a SIGINT that is ignored.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _press_ctrl_c(tmp_path)
    finally:
        signal.signal(signal.SIGINT, handler)


def _press_ctrl_c(tmp_path: Path) -> None:
    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if sum(isinstance(e, CheckpointScored) for e in events) == 1 and isinstance(event, CheckpointScored):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", lambda job, emit: pretend(job, emit, 0.3), on_event)
    assert ends(events) == dict.fromkeys(["b01", "b02", "b03"], TrialState.INTERRUPTED)
    assert not any(thread.name == "tune" for thread in threading.enumerate())


def test_what_the_listener_raises_comes_back_after_the_workers_ended(tmp_path: Path) -> None:
    def on_event(event: Event) -> None:
        if isinstance(event, CheckpointScored):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run(tmp_path / "run", lambda job, emit: pretend(job, emit, 0.3), on_event)
    assert not RunFolder(tmp_path / "run").stop_request.exists()


def test_more_than_the_machine_has_is_refused(tmp_path: Path) -> None:
    backend = RayBackend(RunFolder(tmp_path), Resources(cpus_per_trial=4096), body=pretend)
    with pytest.raises(ResourceError, match=r"resources\.cpus_per_trial is 4096, but Ray has 2"):
        backend.run(make_branch_jobs(tmp_path), lambda event: None)


@pytest.mark.parametrize(("address", "asked"), [(None, "local"), ("auto", "auto")])
def test_a_cluster_is_joined_only_when_it_is_named(
    tmp_path: Path, address: str | None, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray itself would join whatever cluster it finds on this machine."""
    started: list[str] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray_backend, "start_ray", lambda **options: started.append(options["address"]))
    RayBackend(RunFolder(tmp_path), Resources(), address=address, body=pretend).run([], lambda event: None)
    assert started == [asked]


def test_ray_tune_is_loaded_while_the_workers_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a second or more: after the tasks have been handed out, before they are waited for."""
    backend, submitted = RayBackend(RunFolder(tmp_path), Resources()), []

    def task(function: Callable[..., object]) -> SimpleNamespace:
        assert "dbsweep.execution.ray.tune_thread" not in sys.modules
        return SimpleNamespace(remote=lambda *_: submitted.append(function))

    def watch(*_: object) -> None:
        assert submitted
        assert "dbsweep.execution.ray.tune_thread" in sys.modules
        raise WorkerError("that is all")

    monkeypatch.setattr(backend, "_task", task)
    monkeypatch.setattr(ray_backend, "watch", watch)
    monkeypatch.delitem(sys.modules, "dbsweep.execution.ray.tune_thread", raising=False)
    with pytest.raises(WorkerError, match="that is all"):
        backend.prepare(make_branch_jobs(tmp_path)[0].sweep, lambda _: None)


def test_ray_leaves_sigterm_to_who_runs_the_sweep() -> None:
    """Its own handler would end the driver at once."""
    assert getattr(signal.getsignal(signal.SIGTERM), "__module__", "") != "ray._private.worker"
