"""What a worker does about files before, during and after a task: nothing, where all machines see the run folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, CloserLook, SweepJob
from dbsweep.records.events import Event
from dbsweep.records.results import GridModels


class Courier:
    """Without storage by URI: all machines see the run folder, so there is nothing to carry.

    Attributes:
        sweep: the job with the paths that are right on this machine.
    """

    def __init__(self, sweep: SweepJob) -> None:
        self.sweep = sweep

    @contextmanager
    def preparing(self, *, class_images: bool = True) -> Iterator[None]:
        """The shared inputs that exist are here at the start, and what was made is everywhere at the end."""
        yield

    @contextmanager
    def training(self, job: BranchJob) -> Iterator[BranchJob]:
        """The branch with the paths of this machine, and what it goes on from."""
        yield job

    @contextmanager
    def drawing_grids(self, models: Sequence[GridModels]) -> Iterator[None]:
        """The checkpoints are here at the start, and the grids are everywhere at the end."""
        yield

    @contextmanager
    def looking_closer(self, look: CloserLook) -> Iterator[None]:
        """The checkpoint and its images are here at the start, and those that it draws are everywhere at the end."""
        yield

    def told_before(self, job: BranchJob) -> tuple[Event, ...]:
        """What a branch that another worker has finished told, its end included; empty for an unfinished one."""
        return ()

    def asked_to_stop(self) -> bool:
        """Whether the sweep shall stop, as far as a worker can see before it starts a branch."""
        return RunFolder(self.sweep.run_folder).stop_request.exists()

    def carry(self, event: Event) -> None:
        """Carries away what an event speaks of, before the driver hears of it."""
