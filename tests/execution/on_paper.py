"""Branches that are compared, on paper: their learning rate is all that tells them apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbsweep.config.schema import Experiment
from dbsweep.execution.jobs import BranchJob, SweepJob, branch_jobs, sweep_job
from dbsweep.execution.simulated import UNTRAINED, SimulatedBackend, make_scorecard
from dbsweep.plan.plan import make_plan
from dbsweep.records.events import BranchEnded, CheckpointScored, Event
from dbsweep.records.names import Metric, TrialState
from dbsweep.records.record import Scalar
from dbsweep.records.results import Checkpoint
from tests.execution.sweeps import make_experiment, step_log

# Identity is a thousand times the learning rate. The middle two start first.
RATES = [8e-4, 6e-4, 4e-4, 2e-4]
ASHA: Any = {"scheduler": "asha", "grace_epochs": 2, "reduction_factor": 2}
OUTRUN: Any = {"scheduler": "outrun", "grace_epochs": "auto"}
RUN = Path("/runs/demo")
PHOTOS = 10


def scores(settings: Mapping[str, Scalar], step: int) -> Mapping[Metric, float]:
    return {**UNTRAINED, Metric.IDENTITY: 1000 * float(settings["learning_rate"])}


def jobs_of(run: Path, *, ratios: tuple[float, ...] = (1.0,), **search: Any) -> tuple[BranchJob, ...]:
    sections = {"learning_rate": RATES, "epochs": [8], "text_encoder_ratio": list(ratios), **ASHA, **search}
    experiment: Experiment = make_experiment(search=sections, train={"class_images_per_instance": 1})
    plan = make_plan(experiment, [PHOTOS])
    job: SweepJob = sweep_job(run, run.parent / "cache", experiment, plan, [PHOTOS], base="base", encoder="encoder")
    return branch_jobs(job, plan)


def replay(jobs: tuple[BranchJob, ...]) -> list[Event]:
    events: list[Event] = []
    SimulatedBackend(scores, workers=1).run(jobs, events.append)
    return events


def ends(events: list[Event]) -> dict[str, tuple[TrialState, int]]:
    found = [event for event in events if isinstance(event, BranchEnded)]
    assert len({end.branch for end in found}) == len(found)
    return {end.branch: (end.state, end.last_step) for end in found}


def alone(job: BranchJob, name: str) -> BranchJob:
    """The same branch from the base model, under another name."""
    branch = job.branch.model_copy(update={"parent": None, "fork_step": 0, "id": name})
    return job.model_copy(update={"branch": branch})


def scored(branch: str, epoch: int, rate: float) -> CheckpointScored:
    name, step = f"{branch}-{epoch * PHOTOS:06d}", epoch * PHOTOS
    return CheckpointScored(
        checkpoint=Checkpoint(id=name, branch=branch, step=step, epoch=epoch, path=name, sha256="", bytes=0),
        log=step_log(step),
        scorecard=make_scorecard(name, scores({"learning_rate": rate}, step)),
        verdict=None,
    )
