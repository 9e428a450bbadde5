"""How far a sweep whose curves are known trains each learning rate, by the product's own scheduler."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from benchmarks.selection_curves import SubjectCurves
from benchmarks.selection_subjects import EVERY_STEPS, SubjectWork
from dbsweep.config.schema import Experiment
from dbsweep.execution.jobs import BranchJob, branch_jobs, sweep_job
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.minisd.paths import clip_path, pipeline_path
from dbsweep.plan.plan import make_plan
from dbsweep.records.events import BranchEnded
from dbsweep.records.names import BASE
from dbsweep.records.results import Scorecard

WORKERS: Final = 2
REDUCTION: Final = 3
RUNG: Final = 3
"""Checkpoints after which learning rates are compared: three eighths of a training."""


class CurvesBackend(SimulatedBackend):
    """Replays the scorecards of known curves.

    Args:
        curves: whose trials are the branches, in the same order.
        workers: trainings at a time.
    """

    def __init__(self, curves: SubjectCurves, jobs: tuple[BranchJob, ...], workers: int) -> None:
        super().__init__(lambda settings, step: {}, workers=workers)
        self._base = curves.base.card(BASE)
        self._trials = dict(zip((job.branch.id for job in jobs), curves.trials, strict=True))

    def _card(self, job: BranchJob, step: int, name: str) -> Scorecard:
        trial = self._trials[job.branch.id]
        return trial.checkpoints[trial.steps.index(step)].card.card(name)


def halved_ends(curves: SubjectCurves, workers: int = WORKERS) -> tuple[int, ...]:
    """Index of the last checkpoint of each trial where `search.scheduler` is asha, beside the verdict."""
    jobs = _jobs(curves)
    ends: dict[str, int] = {}

    def note(event: object) -> None:
        if isinstance(event, BranchEnded):
            ends[event.branch] = event.last_step

    CurvesBackend(curves, jobs, workers).run(jobs, note)
    return tuple(trial.steps.index(ends[job.branch.id]) for job, trial in zip(jobs, curves.trials, strict=True))


def _jobs(curves: SubjectCurves) -> tuple[BranchJob, ...]:
    work = SubjectWork(curves.seed, Path("nowhere"))
    content: dict[str, Any] = work.experiment.model_dump(mode="json")
    content["search"] |= {
        "scheduler": "asha",
        "grace_epochs": RUNG * EVERY_STEPS // curves.photos,
        "reduction_factor": REDUCTION,
    }
    experiment = Experiment.model_validate(content)
    plan = make_plan(experiment, [curves.photos])
    job = sweep_job(
        work.run_folder,
        work.cache,
        experiment,
        plan,
        [curves.photos],
        base=str(pipeline_path()),
        encoder=str(clip_path()),
    )
    return branch_jobs(job, plan)
