"""Branches in this very process, one after the other: what an undisturbed run gives."""

from __future__ import annotations

from collections.abc import Sequence

from dbsweep.execution import prepare
from dbsweep.execution.backend import Decision, OnEvent, OnProgress, Prepared
from dbsweep.execution.branch import run_branch
from dbsweep.execution.jobs import BranchJob, SweepJob
from dbsweep.execution.queue import BranchQueue
from dbsweep.records.events import Event
from dbsweep.records.results import Checkpoint, GridImage


class InProcessBackend:
    """Real preparation and training, no Ray."""

    def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
        sha256, base = prepare.draw_references(job)
        return Prepared(base_sha256=sha256, base=base, class_images_drawn=prepare.draw_class_images(job), seconds=0.0)

    def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
        queue = BranchQueue(jobs)

        def emit(event: Event) -> Decision:
            for told in (event, *queue.record(event)):
                on_event(told)
            return Decision.GO_ON

        while (job := queue.next()) is not None:
            run_branch(job, emit)

    def draw_grids(self, job: SweepJob, checkpoint: Checkpoint) -> tuple[GridImage, ...]:
        return ()

    def close(self) -> None:
        """Nothing was started."""
