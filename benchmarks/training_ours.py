"""Our side of the training benchmark: real sweeps on Ray, the end of every optimizer step noted in the worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import yaml
from rich.console import Console

from benchmarks.training_case import (
    CLASS_IMAGES_PER_PHOTO,
    CLASS_PROMPT,
    INSTANCE_PROMPT,
    LEARNING_RATE,
    LORA_RANK,
    PHOTOS,
    RESOLUTION,
    Case,
    Inputs,
)
from dbsweep.config.loading import load_experiment
from dbsweep.execution.backend import Decision, Emit
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.records.events import BranchEnded, Event
from dbsweep.reports.terminal import TerminalView

CLOCK: Final = "clock-{branch}.json"
EVALUATE: Final[dict[str, Any]] = {"images_per_prompt": 2, "encoder": "minisd", "race": {"enabled": False}}


@dataclass(frozen=True, slots=True)
class Clock:
    """When things happened to one trial, in seconds of this machine's monotonic clock.

    Attributes:
        text_encoder: whether it trained.
        process: the worker's process id.
        begun, ended: of the worker's work on the trial, checkpoint and scores included.
        steps: the end of each optimizer step.
        memory_bytes: the most that the worker's process had in memory from ``begun`` to ``ended``: imports, drawing and
            scoring included, and what earlier work in the same process has left behind.
    """

    text_encoder: bool
    process: int
    begun: float
    ended: float
    steps: tuple[float, ...]
    memory_bytes: int


def write_experiment(
    folder: Path, inputs: Inputs, name: str, case: Case, search: dict[str, list[float]], cpus_per_trial: int
) -> Path:
    """Write the experiment file of a sweep whose trials train as `case` says, but for what is searched.

    Each is scored once, at its end. There is no race: it would draw for a choice that the script leaves to the person.
    """
    content: dict[str, Any] = {
        "name": name,
        "base_model": str(inputs.model),
        "concepts": [
            {
                "instance_images": str(inputs.photos),
                "instance_token": "ohwx",
                "class_token": "man",
                "instance_prompt": INSTANCE_PROMPT,
                "class_prompt": CLASS_PROMPT,
                "class_images": {"folder": str(inputs.class_images)},
                "sanity_prompts": [f"{INSTANCE_PROMPT}, ink poster style"],
            }
        ],
        "train": {
            "resolution": RESOLUTION,
            "batch_size": 1,
            "learning_rate": LEARNING_RATE,
            "class_images_per_instance": CLASS_IMAGES_PER_PHOTO,
            "epochs": case.steps // PHOTOS,
            "text_encoder_ratio": float(case.text_encoder),
            "lora_rank": LORA_RANK if case.lora else 0,
        },
        "search": search,
        "evaluate": {**EVALUATE, "every_epochs": case.steps},
        "resources": {"cpus_per_trial": cpus_per_trial},
        "tracking": {"enabled": False},
        "output": str(folder / "runs"),
    }
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def clocked_branch(job: BranchJob, emit: Emit) -> None:
    """What a worker does with a branch, with a `Clock` written beside it."""
    from dbsweep.execution.ray.worker import claim_resources

    begun = time.monotonic()
    _forget_peak()
    claim_resources(job.sweep.experiment.resources)  # as the product does: before anything heavy is imported
    from torch.optim.optimizer import register_optimizer_step_post_hook

    from dbsweep.execution.branch.work import run_branch
    from dbsweep.training import trainer

    ends: list[float] = []

    def emit_clocked(event: Event) -> Decision:
        if isinstance(event, BranchEnded):  # before it is told: Tune ends this function as soon as it hears of it
            _write_clock(job, begun, ends)
        return emit(event)

    hook = register_optimizer_step_post_hook(lambda *_: ends.append(time.monotonic()))
    try:
        with patch.object(trainer, "forget_peak_memory"):  # drawing and scoring count here too
            run_branch(job, emit_clocked)
    finally:
        hook.remove()


def _write_clock(job: BranchJob, begun: float, ends: list[float]) -> None:
    clock = Clock(
        text_encoder=job.branch.text_encoder_steps > 0,
        process=os.getpid(),
        begun=begun,
        ended=time.monotonic(),
        steps=tuple(ends),
        memory_bytes=_peak_bytes(),
    )
    file = job.sweep.run_folder / CLOCK.format(branch=job.branch.id)
    file.write_text(json.dumps(asdict(clock)), encoding="utf-8")


def _forget_peak() -> None:
    """Linux counts this process's peak of memory anew from here (proc(5), ``clear_refs``)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def run_clocked(file: Path) -> list[Clock]:
    """Run a sweep on the Ray that is there; its trials' clocks in the order in which they began."""
    from dbsweep.execution.ray.backend import RayBackend
    from dbsweep.sweep.running import run_experiment

    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        folder = run_experiment(
            load_experiment(file),
            lambda run, experiment: RayBackend(run, experiment.resources, body=clocked_branch),
            TerminalView(Console(file=nowhere)),
        )
    return read_clocks(folder)


def read_clocks(folder: RunFolder) -> list[Clock]:
    """The clocks of a run, in the order in which the trials began.

    Raises:
        RuntimeError: if there are none: no worker came to an end.
    """
    told = [json.loads(path.read_text(encoding="utf-8")) for path in folder.path.glob(CLOCK.format(branch="*"))]
    clocks = [Clock(**{**each, "steps": tuple(each["steps"])}) for each in told]
    if not clocks:
        raise RuntimeError(f"no trial of {folder.path} has ended")
    return sorted(clocks, key=lambda clock: clock.begun)


def startups(clocks: list[Clock]) -> list[float]:
    """Seconds to the end of the first step of every trial that was not its worker's first.

    They count from the end of the trial before it in the same process, so that the driver's answer is in it.
    """
    found: list[float] = []
    free_since: dict[int, float] = {}
    for clock in clocks:
        if clock.process in free_since:
            found.append(clock.steps[0] - free_since[clock.process])
        free_since[clock.process] = clock.ended
    return found


def sweep_seconds(file: Path) -> float:
    """Wall time of ``dbsweep run`` from the start of its process to its end: Ray, references, scores and report too.

    Raises:
        CalledProcessError: if it fails.
    """
    begun = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "dbsweep", "run", str(file)], check=True, stdout=subprocess.DEVNULL, stderr=sys.stderr
    )
    return time.monotonic() - begun
