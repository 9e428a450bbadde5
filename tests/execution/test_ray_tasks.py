"""Waiting for tasks on a cluster that cannot take them."""

from __future__ import annotations

import pytest
import ray

from dbsweep.config.schema import Resources
from dbsweep.execution import ray_tasks
from dbsweep.execution.backend import Progress


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
    lack = ray_tasks.lacking(Resources(cpus_per_trial=2, gpus_per_trial=1))
    assert lack.endswith(words)
    assert bool(lack) is bool(words)
    assert not lack or "a machine with 2 CPU and 1 GPU" in lack


@pytest.mark.usefixtures("ray_session")
def test_a_task_that_nobody_can_take_is_told_of_while_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_tasks, "NOTICE_AFTER_S", 0.0)
    monkeypatch.setattr(ray_tasks, "LOOK_INTERVAL_S", 0.05)
    task = ray.remote(num_cpus=4096)(lambda: None).remote()

    told: list[str] = []

    def on_progress(progress: Progress) -> None:
        told.append(progress.stage)
        if len(told) == 2:
            ray.cancel(task)

    with pytest.raises(ray.exceptions.TaskCancelledError):
        ray_tasks.watch([task], Resources(cpus_per_trial=4096), on_progress)
    assert told[1].startswith("waiting for a machine with 4096 CPU and 0 GPU")
