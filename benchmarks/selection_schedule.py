"""How far a sweep whose curves are known trains each learning rate, by the product's own verdict and scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.selection_curves import SubjectCurves
from benchmarks.selection_plan import SubjectPlan, halving
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.records.events import BranchEnded, Event
from dbsweep.records.names import BASE
from dbsweep.records.results import Scorecard

WORKERS: Final = 2


class CurvesBackend(SimulatedBackend):
    """Replays the scorecards of known curves.

    Args:
        curves: whose trials are the branches, in the same order.
        jobs: the branches.
        workers: trainings at a time.
    """

    def __init__(self, curves: SubjectCurves, jobs: tuple[BranchJob, ...], workers: int) -> None:
        super().__init__(lambda settings, step: {}, workers=workers)
        self._base = curves.base.card(BASE)
        self._trials = dict(zip((job.branch.id for job in jobs), curves.trials, strict=True))

    def _card(self, job: BranchJob, step: int, name: str) -> Scorecard:
        trial = self._trials[job.branch.id]
        return trial.checkpoints[trial.steps.index(step)].card.card(name)


def ends(curves: SubjectCurves, search: Mapping[str, Any], workers: int = WORKERS) -> tuple[int, ...]:
    """Index of the last checkpoint of each trial, where the verdict ends those that are overtrained.

    Args:
        search: keys of that section of the experiment file beside the axes, such as a scheduler.
    """
    jobs = SubjectPlan(curves.seed, Path("nowhere"), search).jobs
    last: dict[str, int] = {}

    def note(event: Event) -> None:
        if isinstance(event, BranchEnded):
            last[event.branch] = event.last_step

    CurvesBackend(curves, jobs, workers).run(jobs, note)
    return tuple(trial.steps.index(last[job.branch.id]) for job, trial in zip(jobs, curves.trials, strict=True))


def all_ends(curves: SubjectCurves) -> dict[str, tuple[int, ...]]:
    """`ends` by how a sweep may be run: to the end, until overtrained, and with learning rates compared besides."""
    return {
        "whole": tuple(len(trial.checkpoints) - 1 for trial in curves.trials),
        "verdict": ends(curves, {}),
        "halved": ends(curves, halving(curves.seed)),
    }
