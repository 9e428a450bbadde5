"""Small ledgers, and what goes into them."""

from __future__ import annotations

import math
from pathlib import Path

from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.events import CheckpointScored
from dbsweep.records.names import Metric, VerdictState
from dbsweep.records.results import Checkpoint, GridImage, StepLog, Verdict
from tests.execution.sweeps import make_experiment, make_plan

LEARNING = Verdict(state=VerdictState.LEARNING, onset_step=None, evidence="identity gains")


def create(folder: Path) -> Ledger:
    return Ledger.create(folder / "ledger.db", "demo", make_experiment(), make_plan())


def checkpoint(step: int, branch: str = "b01") -> CheckpointScored:
    name = f"{branch}-{step:06d}"
    return CheckpointScored(
        checkpoint=Checkpoint(
            id=name, branch=branch, step=step, epoch=step // 10, path=f"checkpoints/{name}", sha256="ab" * 32, bytes=7
        ),
        log=StepLog(
            step=step,
            loss=math.nan,
            instance_loss=0.1,
            prior_loss=0.2,
            learning_rate=1e-4,
            grad_norm=math.inf,
            steps_per_s=9.5,
            memory_bytes=2**33,
        ),
        scorecard=make_scorecard(name, {**UNTRAINED, Metric.IDENTITY: 0.125, Metric.PRIOR: math.nan}),
        verdict=LEARNING,
    )


def grid(title: str) -> GridImage:
    return GridImage(
        title=title,
        prompt="photo",
        x_label="CFG",
        y_label="",
        z_label="",
        x_values=("3",),
        y_values=("",),
        z_values=("",),
        seeds=(1,),
        cells=(((("grids/a.png",),),),),
    )
