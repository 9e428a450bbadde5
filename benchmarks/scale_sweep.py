"""What `benchmarks.scale` runs: sweeps of trials that train nothing, planned, simulated, and on real Ray."""

from __future__ import annotations

import os
import resource
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from dbsweep.config.schema import Experiment, Resources
from dbsweep.execution.backend import Backend, Emit, OnCard, OnEvent, OnProgress, Prepared
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, CloserLook, SweepJob, sweep_job
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.execution.ray.backend import RayBackend
from dbsweep.execution.simulated import UNTRAINED, SimulatedBackend, make_scorecard
from dbsweep.plan.plan import make_plan
from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import BASE, Metric, TrialState
from dbsweep.records.plan import Plan
from dbsweep.records.record import Scalar
from dbsweep.records.results import Checkpoint, GridModels, StepLog
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.conductor import Conductor

PHOTOS: Final = 12
CONCEPT: Final[dict[str, Any]] = {
    "instance_images": "photos",
    "instance_token": "ohwx",
    "class_token": "man",
    "instance_prompt": "photo of ohwx man",
    "class_prompt": "photo of man",
    "sanity_prompts": ["photo of ohwx man, ink poster style"],
}


def make_experiment(search: Mapping[str, Any], every_epochs: int = 2) -> Experiment:
    """An experiment on MiniSD whose concepts are never looked at."""
    return Experiment.model_validate(
        {
            "name": "scale",
            "base_model": "minisd",
            "concepts": [CONCEPT],
            "train": {"resolution": 64, "epochs": 2, "text_encoder_ratio": 1.0},
            "search": dict(search),
            "evaluate": {
                "every_epochs": every_epochs,
                "encoder": "minisd",
                "images_per_prompt": 2,
                "race": {"enabled": False},
            },
            "tracking": {"enabled": False},
        }
    )


def shapes(trials: int) -> dict[str, Experiment]:
    """Search spaces of so many trials: one deep tree, many small ones, nothing shared."""
    side = max(2, round(trials**0.5))
    return {
        "deep": make_experiment(
            {"epochs": list(range(1, side + 1)), "text_encoder_ratio": [i / side for i in range(side)]}
        ),
        "wide": make_experiment({"seed": list(range(max(1, trials // 10))), "epochs": list(range(2, 22, 2))}),
        "unshared": make_experiment({"seed": list(range(trials))}),
    }


def memory_bytes() -> int:
    """Peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@dataclass
class Sweep:
    """One sweep and what it took the driver.

    Attributes:
        cpu_seconds: of this process, for preparing, training and choosing.
        events: reports of the workers, starts and ends included.
        quarters: peak memory in bytes after each quarter of the trials' ends.
        ends: when each branch ended, seconds since the beginning.
        workers: process id → branches that it took.
    """

    trials: int
    branches: int
    cpu_seconds: float
    events: int
    ledger_bytes: int
    quarters: list[int]
    ends: list[float]
    workers: Counter[int]


class _Watched:
    """Passes a back end's events on, and counts."""

    def __init__(self, backend: Backend, branches: int) -> None:
        self._backend = backend
        self._marks = {max(1, branches * part // 4) for part in range(1, 5)}
        self._begun = time.monotonic()
        self.events = 0
        self.quarters: list[int] = []
        self.ends: list[float] = []
        self.workers: Counter[int] = Counter()

    def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
        base = make_scorecard(BASE, UNTRAINED)
        return Prepared(base_sha256="0" * 64, base=base, class_images_drawn=0, seconds=0.0)

    def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
        def count(event: Event) -> None:
            on_event(event)
            self.events += 1
            if isinstance(event, BranchStarted):
                self.workers[event.pid] += 1
            if isinstance(event, BranchEnded):
                self.ends.append(time.monotonic() - self._begun)
                if len(self.ends) in self._marks:
                    self.quarters.append(memory_bytes())

        self._backend.run(jobs, count)

    def look_closer(self, job: SweepJob, looks: Sequence[CloserLook], on_card: OnCard) -> None:
        raise AssertionError("the scale benchmark has no race")

    def draw_grids(self, job: SweepJob, models: Sequence[GridModels]) -> tuple[()]:
        return ()

    def close(self) -> None:
        self._backend.close()


def lead(experiment: Experiment, plan: Plan, folder: Path, backend: Backend) -> Sweep:
    """Run a plan through conductor and ledger, and measure."""
    folder.mkdir(parents=True)
    watched = _Watched(backend, len(plan.branches))
    job = sweep_job(folder, folder / "cache", experiment, plan, [PHOTOS], base="base", encoder="encoder")
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        begun = time.process_time()
        with Ledger.create(folder / "ledger.db", "scale", experiment, plan) as ledger:
            Conductor(ledger, plan, job, TerminalView(Console(file=nowhere))).run(watched)
        spent = time.process_time() - begun
    return Sweep(
        trials=len(plan.trials),
        branches=len(plan.branches),
        cpu_seconds=spent,
        events=watched.events,
        ledger_bytes=(folder / "ledger.db").stat().st_size,
        quarters=watched.quarters,
        ends=watched.ends,
        workers=watched.workers,
    )


def simulate(experiment: Experiment, folder: Path) -> Sweep:
    """A sweep on the simulated back end."""
    return lead(experiment, make_plan(experiment, [PHOTOS]), folder, SimulatedBackend(_scores, workers=8))


def on_ray(trials: int, folder: Path, seconds: float = 0.0) -> Sweep:
    """A sweep of branches of one checkpoint each on Ray, with workers that do nothing, for so long."""
    experiment = make_experiment({"seed": list(range(trials)), "scheduler": "none"})  # there is nothing to compare

    def body(job: BranchJob, emit: Emit) -> None:
        time.sleep(seconds)
        nothing(job, emit)

    backend = RayBackend(RunFolder(folder), Resources(), body=body)
    return lead(experiment, make_plan(experiment, [PHOTOS]), folder, backend)


def bare(trials: int, folder: Path) -> tuple[list[float], Counter[int]]:
    """As many Tune trials that report once, with reused actors and nothing of ours.

    Returns:
        When each ended, in seconds; process id of each worker → trials that it took.
    """
    from ray import tune

    ends: list[float] = []
    workers: Counter[int] = Counter()

    class Ends(tune.Callback):  # type: ignore[misc]
        """Notes when a trial ends, and where."""

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: object) -> None:  # noqa: ANN401
            ends.append(time.monotonic() - begun)
            workers[trial.last_result["pid"]] += 1

    tuner = tune.Tuner(
        tune.with_resources(_report_once, {"cpu": 1}),
        param_space={"seed": tune.grid_search(list(range(trials)))},
        tune_config=tune.TuneConfig(reuse_actors=True),
        run_config=tune.RunConfig(name="tune", storage_path=str(folder), verbose=0, callbacks=[Ends()]),
    )
    begun = time.monotonic()
    tuner.fit()
    return ends, workers


def nothing(job: BranchJob, emit: Emit) -> None:
    """Report the checkpoints of a branch without training."""
    branch = job.branch
    emit(BranchStarted(branch=branch.id, host="here", pid=os.getpid()))
    for milestone in branch.milestones:
        name = f"{branch.id}-{milestone.step:06d}"
        emit(
            CheckpointScored(
                checkpoint=Checkpoint(
                    id=name,
                    branch=branch.id,
                    step=milestone.step,
                    epoch=milestone.epoch,
                    path=name,
                    sha256="0" * 64,
                    bytes=0,
                ),
                log=StepLog(
                    step=milestone.step,
                    loss=0.1,
                    instance_loss=0.05,
                    prior_loss=0.05,
                    learning_rate=1e-6,
                    grad_norm=1.0,
                    steps_per_s=1.0,
                    memory_bytes=0,
                ),
                scorecard=make_scorecard(name, _scores(branch.settings, milestone.step)),
                verdict=None,
            )
        )
    emit(BranchEnded(branch=branch.id, state=TrialState.COMPLETED, last_step=branch.end_step))


def _scores(settings: Mapping[str, Scalar], step: int) -> Mapping[Metric, float]:
    return {**UNTRAINED, Metric.IDENTITY: min(0.9, step / 500)}


def _report_once(config: dict[str, Any]) -> None:
    from ray import tune

    tune.report({"utility": 0.5})
