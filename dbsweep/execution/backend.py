"""What runs branches: the protocol that Ray and the simulation share, and the words they speak."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol, TypeAlias

from dbsweep.execution.jobs import BranchJob, CloserLook, SweepJob
from dbsweep.records.events import Event
from dbsweep.records.record import Record
from dbsweep.records.results import GridImage, GridModels, Scorecard


class Decision(StrEnum):
    """What a worker is told after each event that it reports."""

    GO_ON = "go_on"
    STOP = "stop"  # end the branch as interrupted, its state saved


class Progress(Record):
    """How far the preparation is.

    Attributes:
        stage: what is being made, for the person: "class images".
        done, total: in units of the stage.
    """

    stage: str
    done: int
    total: int


class Prepared(Record):
    """The shared inputs of a sweep, made or found in the cache.

    Attributes:
        base_sha256: of the base model's weights (`dbsweep.models.hashes.weights_sha256`).
        base: scorecard of the untrained model, id ``"base"``.
        class_images_drawn: how many had to be drawn; the others were in the cache.
        seconds: wall time.
    """

    base_sha256: str
    base: Scorecard
    class_images_drawn: int
    seconds: float


Emit: TypeAlias = Callable[[Event], Decision]
"""How a worker reports; called in the worker."""

OnEvent: TypeAlias = Callable[[Event], None]
"""Told of every event, one at a time, in the thread that called `Backend.run`."""

OnProgress: TypeAlias = Callable[[Progress], None]
"""Told of the preparation's progress, in the thread that called `Backend.prepare`."""

OnCard: TypeAlias = Callable[[Scorecard], None]
"""Told of every scorecard of a closer or late look as it is made, in the thread that called `Backend.look_closer`."""


class Backend(Protocol):
    """Runs the jobs of a sweep somewhere."""

    def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
        """Makes the inputs that all branches share.

        Raises:
            DbsweepError: an input or model cannot be used.
        """
        ...

    def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
        """Trains all branches, each after its parent's fork checkpoint.

        Every branch gets exactly one `BranchEnded` event, also when it failed, was never started because its
        parent ended before the fork, or was interrupted. Returns when all have ended.

        Raises:
            KeyboardInterrupt: the person asked to stop; the branches have saved their state and ended.
            Exception: what `on_event` raised; it is not called again and the branches are ended.
        """
        ...

    def look_closer(self, job: SweepJob, looks: Sequence[CloserLook], on_card: OnCard) -> None:
        """Draws images, further ones or the first, of checkpoints that are there and scores them.

        Raises:
            DbsweepError: one of them cannot be drawn; those that were told before stay told.
        """
        ...

    def draw_grids(self, job: SweepJob, models: Sequence[GridModels]) -> tuple[GridImage, ...]:
        """Draws the experiment's grids, each from its models.

        Raises:
            DbsweepError: a checkpoint cannot be read, or an image cannot be drawn.
        """
        ...

    def close(self) -> None:
        """Ends what the back end started."""
        ...
