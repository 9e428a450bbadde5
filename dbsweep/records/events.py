"""What happens during a run, as workers tell it to the driver."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import Field

from dbsweep.records.names import TrialState
from dbsweep.records.record import Record
from dbsweep.records.results import Checkpoint, Scorecard, StepLog, Verdict


class BranchStarted(Record):
    """A worker has begun a branch.

    Attributes:
        after: why it begins again and how; empty for a first attempt.
    """

    branch: str
    host: str
    pid: int
    after: str = ""


class CheckpointScored(Record):
    """A checkpoint has been written and, at an evaluation, scored."""

    checkpoint: Checkpoint
    log: StepLog
    scorecard: Scorecard | None
    verdict: Verdict | None


class BranchEnded(Record):
    """A branch is over.

    Attributes:
        last_step: the last step trained.
        reason: why it stopped or failed; empty when completed.
        verdict: on the trials that it leaves unfinished, where its end tells one that no scorecard could.
        out_of_disk: the disk is full, so that the other branches cannot go on either.
        photos_changed: photos are others than the run began with; likewise.
    """

    branch: str
    state: TrialState
    last_step: int
    reason: str = ""
    verdict: Verdict | None = None
    out_of_disk: bool = False
    photos_changed: bool = False


class AtWork(Record):
    """How far a branch is between two of the others; shown and forgotten, no ledger keeps it.

    Attributes:
        step: the last one trained.
        drawn, to_draw: pictures of the checkpoint that is looked at; 0 of 0 while the branch trains.
        per_s: steps, or pictures, a second.
    """

    branch: str
    step: int
    drawn: int = 0
    to_draw: int = 0
    per_s: float = Field(gt=0.0)


Event: TypeAlias = BranchStarted | CheckpointScored | BranchEnded | AtWork
