"""A sweep of two branches in progress, event by event."""

from __future__ import annotations

from dbsweep.records.events import CheckpointScored
from dbsweep.records.names import Metric, VerdictState
from dbsweep.records.plan import Branch, Cost, Milestone, Plan
from dbsweep.records.results import Checkpoint, Score, Scorecard, StepLog, Verdict


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def branch(name: str, steps: tuple[int, ...]) -> Branch:
    milestones = tuple(Milestone(step=s, epoch=s // 10, evaluate=True, fork=False) for s in steps)
    settings = {"learning_rate": 3e-4, "epochs": 4, "class_images_per_instance": 2, "text_encoder_ratio": 0.5}
    return Branch(
        id=name,
        parent=None,
        fork_step=0,
        stages=(),
        milestones=milestones,
        trials=(),
        settings=settings,
        text_encoder_steps=0,
    )


def plan() -> Plan:
    cost = Cost(steps_alone=80, steps_shared=80, images=0, disk_bytes=0, seconds=None)
    branches = (branch("b01", (10, 20)), branch("b02", (10, 20)))
    return Plan(steps_per_epoch=10, trials=(), stages=(), branches=branches, paths=(), cost=cost)


def scored(name: str, step: int) -> CheckpointScored:
    values = {Metric.IDENTITY: 0.75, Metric.STYLE: 0.5, Metric.PRIOR: 1.0}
    scores = {m: Score(value=v, low=v, high=v, samples=(v,)) for m, v in values.items()}
    checkpoint = Checkpoint(
        id=f"{name}-{step:06d}", branch=name, step=step, epoch=step // 10, path="p", sha256="0", bytes=1
    )
    log = StepLog(
        step=step,
        loss=0.1,
        instance_loss=0.1,
        prior_loss=0.1,
        learning_rate=1e-4,
        grad_norm=1.0,
        steps_per_s=5.0,
        memory_bytes=1,
    )
    verdict = Verdict(state=VerdictState.READY, onset_step=None, evidence="")
    return CheckpointScored(
        checkpoint=checkpoint,
        log=log,
        scorecard=Scorecard(checkpoint=checkpoint.id, scores=scores, images=()),
        verdict=verdict,
    )
