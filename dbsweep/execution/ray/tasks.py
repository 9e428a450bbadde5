"""Waiting for Ray's tasks: progress, their own errors, and a word when no machine can ever take them."""

from __future__ import annotations

import time
from typing import Any

import ray

from dbsweep.config.schema import Resources
from dbsweep.errors import WorkerError
from dbsweep.execution.backend import OnProgress, Progress

NOTICE_AFTER_S = 30.0
"""How long a cluster may lack a machine for a trial before it is said; machines of the autoscaler take longer."""

LOOK_INTERVAL_S = 2.0
"""How often the cluster's machines are looked at while nothing ends."""

STAGE = "class images and references"
"""What all branches share, as a person knows it; latents are made beside them."""

RETRIES = 2
"""Times that a task or branch whose process died is started again; a branch goes on from its last checkpoint."""


DEATHS = (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError)
"""How Ray tells that a task's process is gone."""


def watch(tasks: list[Any], resources: Resources, on_progress: OnProgress) -> None:
    """Tells the progress until all tasks have ended; the first error ends the waiting.

    Args:
        tasks: Ray's references.
        resources: what each task takes.
        on_progress: told too when no machine of the cluster has them.
    """
    total, waiting = len(tasks), tasks
    idle_since = time.monotonic()
    on_progress(Progress(stage=STAGE, done=0, total=total))
    while waiting:
        done, waiting = ray.wait(waiting, num_returns=1, timeout=LOOK_INTERVAL_S)
        for task in done:
            result(task)
        stage = STAGE
        if done:
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since >= NOTICE_AFTER_S and (lack := lacking(resources)):
            stage = lack
        on_progress(Progress(stage=stage, done=total - len(waiting), total=total))


def result(task: Any) -> Any:  # noqa: ANN401  (Ray types its references as Any)
    """The task's value; its own error rather than Ray's wrapping of it.

    Raises:
        WorkerError: its process died at every attempt.
    """
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except DEATHS as error:
        reason = str(error).strip().partition("\n")[0]
        raise WorkerError(f"a worker died, {RETRIES + 1} times in a row, of what others need: {reason}") from error


def lacking(resources: Resources) -> str:
    """What is wanted and what the cluster's machines have, in words; empty where one of them can take a trial."""
    wanted = {"CPU": resources.cpus_per_trial, "GPU": resources.gpus_per_trial}
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(all(machine.get(kind, 0.0) >= amount for kind, amount in wanted.items()) for machine in machines):
        return ""
    have = "; ".join(_amounts(machine) for machine in machines)
    return f"waiting for a machine with {_amounts(wanted)} (resources.*_per_trial); the cluster has {have or 'none'}"


def _amounts(of: dict[str, float]) -> str:
    return " and ".join(f"{of.get(kind, 0.0):g} {kind}" for kind in ("CPU", "GPU"))
