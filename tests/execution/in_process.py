"""Branches in this very process, one after the other: what an undisturbed run gives, with storage by URI or without."""

from __future__ import annotations

from collections.abc import Sequence

from dbsweep.execution.backend import Decision, Emit, OnCard, OnEvent, OnProgress, Prepared
from dbsweep.execution.branch.work import run_branch
from dbsweep.execution.drawing import class_images, references
from dbsweep.execution.drawing.closer_look import look_closer
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, CloserLook, SweepJob
from dbsweep.execution.scheduling.queue import BranchQueue
from dbsweep.execution.storage.exchange import Exchange, exchange_for
from dbsweep.execution.storage.storage_courier import StorageCourier
from dbsweep.records.events import Event
from dbsweep.records.names import TrialState
from dbsweep.records.results import GridImage, GridModels


class InProcessBackend:
    """Real preparation and training, no Ray."""

    def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
        sha256, base = references.draw_references(job)
        return Prepared(
            base_sha256=sha256, base=base, class_images_drawn=class_images.draw_class_images(job), seconds=0.0
        )

    def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
        queue = BranchQueue(jobs)

        def emit(event: Event) -> Decision:
            for told in (event, *queue.record(event)):
                on_event(told)
            return Decision.GO_ON

        while (job := queue.next()) is not None:
            run_branch(job, emit)

    def look_closer(self, job: SweepJob, looks: Sequence[CloserLook], on_card: OnCard) -> None:
        for look in looks:
            on_card(look_closer(job, look))

    def draw_grids(self, job: SweepJob, models: Sequence[GridModels]) -> tuple[GridImage, ...]:
        return ()

    def close(self) -> None:
        """Nothing was started."""


class StoredBackend:
    """As `InProcessBackend`, by way of the experiment's storage; Ctrl-C ends a branch as on Ray.

    Args:
        run: the driver's folder.
        storage: of the experiment.
    """

    def __init__(self, run: RunFolder, storage: str) -> None:
        self._run = run
        self._storage = storage
        self._exchange: Exchange = exchange_for(run, storage)

    def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
        courier = self._courier(job)
        with courier.preparing():
            drawn = class_images.draw_class_images(courier.sweep)
            sha256, base = references.draw_references(courier.sweep)
        self._exchange.fetch([self._run.path, self._run.base_images])
        return Prepared(base_sha256=sha256, base=base, class_images_drawn=drawn, seconds=0.0)

    def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
        queue, stop = BranchQueue(jobs), None
        self._exchange.forget_the_stop()

        def hear(event: Event) -> Decision:
            nonlocal stop
            for told in (event, *queue.record(event)):
                try:
                    on_event(told)
                except KeyboardInterrupt as error:
                    stop = error
                    self._exchange.ask_to_stop()
                self._exchange.hear(told)
            return Decision.STOP if stop is not None else Decision.GO_ON

        while stop is None and (job := queue.next()) is not None:
            self._train(job, hear)
        self._exchange.settle()
        self._exchange.forget_the_stop()
        if stop is not None:
            for end in queue.drop_all(TrialState.INTERRUPTED, "asked to stop"):
                on_event(end)
            raise stop

    def _train(self, job: BranchJob, hear: Emit) -> None:
        courier = self._courier(job.sweep)
        if told := courier.told_before(job):
            for event in told:
                hear(event)
            return

        def emit(event: Event) -> Decision:
            courier.carry(event)
            return hear(event)

        with courier.training(job) as here:
            run_branch(here, emit)

    def look_closer(self, job: SweepJob, looks: Sequence[CloserLook], on_card: OnCard) -> None:
        for look in looks:
            courier = self._courier(job)
            with courier.looking_closer(look):
                card = look_closer(courier.sweep, look)
            on_card(card)
        self._exchange.fetch([look.images_folder(self._run) for look in looks])

    def _courier(self, sweep: SweepJob) -> StorageCourier:
        return StorageCourier(self._exchange.equip(sweep), self._storage)

    def draw_grids(self, job: SweepJob, models: Sequence[GridModels]) -> tuple[GridImage, ...]:
        return ()

    def close(self) -> None:
        """Nothing was started."""
