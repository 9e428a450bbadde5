"""Small experiments, plans and jobs for the tests of this room."""

from __future__ import annotations

from pathlib import Path

from dbsweep.config.schema import Experiment
from dbsweep.execution.jobs import BranchJob, SweepJob, branch_jobs, sweep_job
from dbsweep.records.plan import Branch, Cost, Milestone, Plan, Stage, Trial, TrialPath
from dbsweep.records.record import Scalar
from dbsweep.records.results import StepLog

STEPS_PER_EPOCH = 10


def make_experiment(**changes: object) -> Experiment:
    """One concept; evaluation every epoch; trials are not compared, unless that is asked for."""
    values: dict[str, object] = {
        "name": "demo",
        "base_model": "minisd",
        "concepts": [
            {
                "instance_images": "/photos",
                "instance_token": "ohwx",
                "class_token": "man",
                "instance_prompt": "photo of ohwx man",
                "class_prompt": "photo of man",
                "sanity_prompts": ["photo of ohwx man, ink poster style"],
            }
        ],
        "train": {"resolution": 64},
        "search": {"scheduler": "none"},
        "evaluate": {"every_epochs": 1, "images_per_prompt": 2, "num_inference_steps": 2, "encoder": "minisd"},
        **changes,
    }
    return Experiment.model_validate(values)


def settings(epochs: int, ratio: float, learning_rate: float = 1e-4) -> dict[str, Scalar]:
    """The four settings of the contract."""
    return {
        "learning_rate": learning_rate,
        "epochs": epochs,
        "class_images_per_instance": 2,
        "text_encoder_ratio": ratio,
    }


def milestones(first: int, last: int, *, forks: tuple[int, ...] = ()) -> tuple[Milestone, ...]:
    """One a epoch, both ends included."""
    return tuple(
        Milestone(step=epoch * STEPS_PER_EPOCH, epoch=epoch, evaluate=True, fork=epoch in forks)
        for epoch in range(first, last + 1)
    )


def make_plan() -> Plan:
    """Three trials: b01 is trained for four epochs (t002; t001 ends at two), b02 leaves it after the second,
    b03 leaves b02 after its third."""
    branches = (
        Branch(
            id="b01",
            parent=None,
            fork_step=0,
            stages=("s1", "s2"),
            milestones=milestones(1, 4, forks=(2,)),
            trials=("t001", "t002"),
            settings=settings(4, 1.0),
            text_encoder_steps=40,
        ),
        Branch(
            id="b02",
            parent="b01",
            fork_step=20,
            stages=("s3", "s4"),
            milestones=milestones(3, 4, forks=(3,)),
            trials=("t003",),
            settings=settings(4, 0.5),
            text_encoder_steps=20,
        ),
        Branch(
            id="b03",
            parent="b02",
            fork_step=30,
            stages=("s5",),
            milestones=milestones(4, 5),
            trials=("t004",),
            settings=settings(5, 0.4),
            text_encoder_steps=20,
        ),
    )
    spans = {
        "s1": (None, 0, 20, ("t001", "t002", "t003", "t004")),
        "s2": ("s1", 20, 40, ("t002",)),
        "s3": ("s1", 20, 30, ("t003", "t004")),
        "s4": ("s3", 30, 40, ("t003",)),
        "s5": ("s3", 30, 50, ("t004",)),
    }
    return Plan(
        steps_per_epoch=STEPS_PER_EPOCH,
        trials=(
            Trial(id="t001", settings=settings(2, 1.0)),
            Trial(id="t002", settings=settings(4, 1.0)),
            Trial(id="t003", settings=settings(4, 0.5)),
            Trial(id="t004", settings=settings(5, 0.4)),
        ),
        stages=tuple(
            Stage(id=key, parent=parent, start_step=start, end_step=end, text_encoder_trains=key in "s1 s2", trials=who)
            for key, (parent, start, end, who) in spans.items()
        ),
        branches=branches,
        paths=(
            TrialPath(trial="t001", segments=(("b01", 20),), end_step=20),
            TrialPath(trial="t002", segments=(("b01", 40),), end_step=40),
            TrialPath(trial="t003", segments=(("b01", 20), ("b02", 40)), end_step=40),
            TrialPath(trial="t004", segments=(("b01", 20), ("b02", 30), ("b03", 50)), end_step=50),
        ),
        cost=Cost(steps_alone=150, steps_shared=80, images=0, disk_bytes=0, seconds=None),
    )


def make_sweep_job(run: Path, experiment: Experiment | None = None, *, base: str = "base") -> SweepJob:
    """The job of `make_plan` with five photos."""
    return sweep_job(
        run, run.parent / "cache", experiment or make_experiment(), make_plan(), [5], base=base, encoder="encoder"
    )


def make_branch_jobs(run: Path, experiment: Experiment | None = None) -> tuple[BranchJob, ...]:
    """One job a branch of `make_plan`."""
    return branch_jobs(make_sweep_job(run, experiment), make_plan())


def step_log(step: int, loss: float = 0.0) -> StepLog:
    """Of a step that nothing was trained for."""
    return StepLog(
        step=step,
        loss=loss,
        instance_loss=0.0,
        prior_loss=0.0,
        learning_rate=0.0,
        grad_norm=0.0,
        steps_per_s=1.0,
        memory_bytes=0,
    )
