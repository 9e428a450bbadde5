"""How far a sweep whose curves are known trains each learning rate, by the product's own verdict and scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from benchmarks.selection_curves import SubjectCurves
from benchmarks.selection_plan import EVALUATE
from dbsweep.config.schema import Experiment
from dbsweep.execution.jobs import BranchJob, branch_jobs, sweep_job
from dbsweep.execution.simulated import SimulatedBackend
from dbsweep.plan.looks import look_every_of
from dbsweep.plan.plan import make_plan
from dbsweep.records.events import BranchEnded, Event
from dbsweep.records.names import BASE
from dbsweep.records.results import Scorecard

WORKERS: Final = 2
REDUCTION: Final = 3


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


@dataclass(frozen=True, slots=True)
class Way:
    """How a sweep may be run.

    Attributes:
        stops: the verdict ends what is overtrained.
        search: what ends trials that others are better than; by default, as all that is not given, the product's.
        looks: `evaluate.look_every`.
    """

    stops: bool = True
    search: Mapping[str, Any] = field(default_factory=dict)
    looks: Literal["auto"] | int = "auto"

    def look_every(self, curves: SubjectCurves) -> int:
        """Checkpoints from one look to the next: where it is auto, what the product makes of trainings so long."""
        return look_every_of(_experiment(curves, {}, self.looks))


ALONE: Final = {"scheduler": "none"}
"""Learning rates are not compared while they train."""
PATIENT: Final = {"catch_up": 1.0}
"""Who is behind may catch up to the end."""
BEHIND: Final = {"catch_up": 0.0}
"""Who is surely behind is ended at once."""
HALVED: Final = {"scheduler": "asha", "reduction_factor": REDUCTION}

WAYS: Final[Mapping[str, Way]] = {
    "whole": Way(stops=False, looks=1),
    "every": Way(looks=1),
    "every_alone": Way(search=ALONE, looks=1),
    "every_patient": Way(search=PATIENT, looks=1),
    "every_behind": Way(search=BEHIND, looks=1),
    "every_halved": Way(search=HALVED, looks=1),
    "spaced": Way(),
    "spaced_alone": Way(search=ALONE),
    "spaced_patient": Way(search=PATIENT),
    "spaced_behind": Way(search=BEHIND),
    "spaced_halved": Way(search=HALVED),
}


def ends(
    curves: SubjectCurves,
    search: Mapping[str, Any],
    workers: int = WORKERS,
    *,
    looks: Literal["auto"] | int = 1,
) -> tuple[int, ...]:
    """Index of the last checkpoint of each trial, where the verdict ends those that are overtrained.

    Args:
        search: keys of that section of the experiment file beside the axes, such as a scheduler.
        looks: `evaluate.look_every`.
    """
    jobs = _jobs(curves, _experiment(curves, search, looks))
    last: dict[str, int] = {}

    def note(event: Event) -> None:
        if isinstance(event, BranchEnded):
            last[event.branch] = event.last_step

    CurvesBackend(curves, jobs, workers).run(jobs, note)
    return tuple(trial.steps.index(last[job.branch.id]) for job, trial in zip(jobs, curves.trials, strict=True))


def ends_by(curves: SubjectCurves, way: Way) -> tuple[int, ...]:
    """`ends` of sweeps that are run so."""
    if not way.stops:
        return tuple(len(trial.checkpoints) - 1 for trial in curves.trials)
    return ends(curves, way.search, looks=way.looks)


def _experiment(curves: SubjectCurves, search: Mapping[str, Any], looks: Literal["auto"] | int) -> Experiment:
    """The sweep of trials of the same lengths and checkpoints as the curves'."""
    steps, epoch = curves.trials[0].steps, curves.steps_per_epoch
    prompt = f"photo of ohwx {curves.klass}"
    content: dict[str, Any] = {
        "name": "curves",
        "base_model": "minisd",
        "concepts": [
            {
                "instance_images": "photos",
                "instance_token": "ohwx",
                "class_token": curves.klass,
                "instance_prompt": prompt,
                "class_prompt": f"photo of {curves.klass}",
                "sanity_prompts": [f"{prompt}, ink poster style"],
            }
        ],
        "train": {"resolution": 64, "batch_size": 1},
        "search": {
            **search,
            "epochs": [steps[-1] // epoch],
            "class_images_per_instance": [1],
            "text_encoder_ratio": [1.0],
            **_axes(curves),
        },
        "evaluate": {"every_epochs": steps[0] // epoch, "look_every": looks, "encoder": "minisd", **EVALUATE},
    }
    return Experiment.model_validate(content)


def _axes(curves: SubjectCurves) -> dict[str, list[float]]:
    """What is swept, values in the order of the trials: a grid of them has these trials in this order."""
    swept = [trial.swept for trial in curves.trials]
    return {name: list(dict.fromkeys(settings[name] for settings in swept)) for name in swept[0]}


def _jobs(curves: SubjectCurves, experiment: Experiment) -> tuple[BranchJob, ...]:
    """Its branches, one a trial of the curves."""
    plan = make_plan(experiment, [curves.photos])
    nowhere = Path("nowhere")
    job = sweep_job(nowhere, nowhere, experiment, plan, [curves.photos], base="minisd", encoder="minisd")
    return branch_jobs(job, plan)
