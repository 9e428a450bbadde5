"""Waiting for tasks on a cluster that cannot take them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import ray

from dbsweep.config.schema import Resources
from dbsweep.errors import WorkerError
from dbsweep.execution.backend import Progress
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.ray import tasks
from dbsweep.execution.ray.backend import RayBackend
from dbsweep.execution.stall import StallWatch, task_traces_file, tasks_explained


@pytest.mark.parametrize(
    ("machines", "words"),
    [
        ([{"CPU": 4.0, "GPU": 1.0}, {"CPU": 4.0}], ""),
        ([{"CPU": 1.0, "GPU": 1.0}, {"CPU": 4.0}], "the cluster has 1 CPU and 1 GPU; 4 CPU and 0 GPU"),
        ([], "the cluster has none"),
    ],
    ids=["one has it all", "only together", "no machine"],
)
def test_what_no_machine_has_is_told(
    machines: list[dict[str, float]], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}}
    nodes = [dead, *({"Alive": True, "Resources": machine} for machine in machines)]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    lack = tasks.lacking(Resources(cpus_per_trial=2, gpus_per_trial=1))
    assert lack.endswith(words)
    assert bool(lack) is bool(words)
    assert not lack or "a machine with 2 CPU and 1 GPU" in lack


@pytest.mark.usefixtures("ray_session")
def test_a_task_that_nobody_can_take_is_told_of_while_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "NOTICE_AFTER_S", 0.0)
    monkeypatch.setattr(tasks, "LOOK_INTERVAL_S", 0.05)
    task = ray.remote(num_cpus=4096)(lambda: None).remote()

    told: list[str] = []

    def on_progress(progress: Progress) -> None:
        told.append(progress.stage)
        if len(told) == 2:
            ray.cancel(task)

    with pytest.raises(ray.exceptions.TaskCancelledError):
        tasks.watch([task], Resources(cpus_per_trial=4096), on_progress)
    assert told[1].startswith("waiting for a machine with 4096 CPU and 0 GPU")


@pytest.mark.usefixtures("ray_session")
def test_a_task_that_hangs_is_ended_and_tried_again(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)

    def hangs_once() -> str:
        with StallWatch(0.5, task_traces_file(run, "photos")):
            if not (tmp_path / "tried").exists():
                (tmp_path / "tried").touch()
                time.sleep(600)
            return "made"

    assert tasks_explained(run, 0.5) == ""
    task = RayBackend(run, Resources())._task(hangs_once).remote()
    tasks.watch([task], Resources(), lambda progress: None)
    assert tasks.result(task) == "made"
    assert "hangs_once" in task_traces_file(run, "photos").read_text()
    told = tasks_explained(run, 0.5)
    assert told.startswith("; an attempt made no progress for 0.5 s (resources.stall_timeout_s); ")
    assert f"{tmp_path}/stalled/photos.txt shows where it hung" in told


@pytest.mark.usefixtures("ray_session")
def test_a_task_whose_process_always_dies_is_an_error_that_says_so(tmp_path: Path) -> None:
    def dies() -> None:
        with (tmp_path / "attempts").open("a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)

    task = RayBackend(RunFolder(tmp_path), Resources())._task(dies).remote()
    with pytest.raises(WorkerError, match="a worker died, 3 times in a row"):
        tasks.watch([task], Resources(), lambda progress: None)
    assert (tmp_path / "attempts").read_text() == "xxx"
