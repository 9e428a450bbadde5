"""Branches as Ray Tune trials: on this machine's cores and GPUs, or on a cluster."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import ray

from dbsweep.config.schema import Resources
from dbsweep.config.search import SchedulerName
from dbsweep.errors import ResourceError, WorkerError
from dbsweep.execution.backend import OnCard, OnEvent, OnProgress, Prepared
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, CloserLook, SweepJob
from dbsweep.execution.ray import worker
from dbsweep.execution.ray.start import for_cluster_workers, set_environment, start_ray
from dbsweep.execution.ray.tasks import RETRIES, result, watch
from dbsweep.execution.ray.worker import Body
from dbsweep.execution.scheduling.comparison import Ending
from dbsweep.execution.stall import tasks_explained
from dbsweep.execution.storage.exchange import Exchange, exchange_for
from dbsweep.records.results import GridImage, GridModels, Scorecard

SHARDS_PER_WORKER = 4
"""Class images are drawn in this many parts a worker, so that progress shows and slow workers hold nobody up."""


class RayBackend:
    """Runs a sweep on Ray.

    Args:
        run: where the workers write.
        resources: what one trial takes.
        address: of a cluster, ``auto`` for the one that this machine belongs to, None for a Ray of our own.
        body: what trains a branch, if not `dbsweep.execution.branch.work.run_branch`.
    """

    def __init__(
        self, run: RunFolder, resources: Resources, *, address: str | None = None, body: Body | None = None
    ) -> None:
        self._run = run
        self._resources = resources
        self._address = address
        self._body = body
        self._ending: Ending | None = None
        self._owns_ray = False
        self._started = False
        self._exchange: Exchange | None = None

    def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
        """Draws class images and references and encodes photos, all at once on all workers."""
        begun = time.monotonic()
        self._start()
        job = self._equipped(job)
        shards = SHARDS_PER_WORKER * self._workers()
        references = self._task(worker.draw_references).remote(job)
        photos = self._task(worker.encode_photos).remote(job)
        draw = self._task(worker.draw_class_images)
        drawing = [draw.remote(job, shard, shards) for shard in range(shards)]
        # Ray Tune takes a second or more: while others work.
        importlib.import_module("dbsweep.execution.ray.tune_thread")
        try:
            watch([references, photos, *drawing], self._resources, on_progress)
        except WorkerError as error:
            raise WorkerError(f"{error}{tasks_explained(self._run, self._resources.stall_timeout_s)}") from error
        sha256, base = result(references)
        self._exchange_of(job).fetch([self._run.path, self._run.base_images])
        return Prepared(
            base_sha256=sha256,
            base=base,
            class_images_drawn=sum(result(part) for part in drawing),
            seconds=time.monotonic() - begun,
        )

    def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
        """Trains all branches; Tune works in a thread, so that events and Ctrl-C arrive in the caller's."""
        self._start()
        if not jobs:
            return
        from dbsweep.execution.ray.tune_thread import TuneThread  # loads Ray Tune: see `prepare`

        exchange = self._exchange_of(jobs[0].sweep)
        exchange.forget_the_stop()
        equipped = [job.model_copy(update={"sweep": self._equipped(job.sweep)}) for job in jobs]
        ending = self._ending_for(jobs)
        sweep = TuneThread(equipped, self._run, self._resources, exchange=exchange, ending=ending, body=self._body)
        try:
            sweep.run(on_event)
        finally:
            exchange.forget_the_stop()
            exchange.settle()

    def _ending_for(self, jobs: Sequence[BranchJob]) -> Ending | None:
        """What ends branches beside the verdict; one for all rounds, so that later ones meet the rungs of earlier."""
        if self._ending is None and jobs and jobs[0].sweep.experiment.search.scheduler is not SchedulerName.NONE:
            base = Scorecard.model_validate_json(self._run.base_scorecard.read_text(encoding="utf-8"))
            self._ending = Ending(jobs[0].sweep.experiment, base)
        return self._ending

    def look_closer(self, job: SweepJob, looks: Sequence[CloserLook], on_card: OnCard) -> None:
        """One task a checkpoint, as many at once as there are workers."""
        self._start()
        task, equipped = self._task(worker.look_closer), self._equipped(job)
        waiting = [task.remote(equipped, look) for look in looks]
        while waiting:
            (done,), waiting = ray.wait(waiting, num_returns=1)
            on_card(result(done))
        self._exchange_of(job).fetch([look.images_folder(self._run) for look in looks])

    def draw_grids(self, job: SweepJob, models: Sequence[GridModels]) -> tuple[GridImage, ...]:
        """Draws the experiment's grids in one worker."""
        if not job.experiment.grids:
            return ()
        self._start()
        grids = tuple(result(self._task(worker.draw_grids).remote(self._equipped(job), tuple(models))))
        self._exchange_of(job).fetch({(self._run.path / path).parent for grid in grids for path in grid.paths})
        return grids

    def close(self) -> None:
        """Ends the Ray that this object started; a cluster goes on."""
        if self._owns_ray:
            ray.shutdown()
        self._owns_ray = self._started = False

    def _exchange_of(self, sweep: SweepJob) -> Exchange:
        if self._exchange is None:
            self._exchange = exchange_for(self._run, sweep.experiment.storage)
        return self._exchange

    def _equipped(self, sweep: SweepJob) -> SweepJob:
        return self._exchange_of(sweep).equip(sweep)

    def _start(self) -> None:
        if self._started:
            return
        set_environment()
        if not ray.is_initialized():
            # Without "local" Ray would join a cluster that it finds on this machine.
            options: dict[str, Any] = {"address": "local"}
            if self._address is not None:
                options = {"address": self._address, "runtime_env": {"env_vars": for_cluster_workers()}}
            start_ray(**options)
            self._owns_ray = True
        self._started = True
        self._check_resources()

    def _check_resources(self) -> None:
        """Refuses what this machine will never have; a cluster may bring machines when trials wait for them."""
        if self._address is not None:
            return
        have = ray.cluster_resources()
        for kind, wanted in (("CPU", self._resources.cpus_per_trial), ("GPU", self._resources.gpus_per_trial)):
            if wanted > have.get(kind, 0.0):
                field = f"resources.{kind.lower()}s_per_trial"
                raise ResourceError(f"{field} is {wanted:g}, but Ray has {have.get(kind, 0.0):g}: lower it")

    def _workers(self) -> int:
        have = ray.cluster_resources()
        workers = have.get("CPU", 1.0) / self._resources.cpus_per_trial
        if self._resources.gpus_per_trial:
            workers = min(workers, have.get("GPU", 0.0) / self._resources.gpus_per_trial)
        return max(1, int(workers))

    def _task(self, function: Callable[..., object]) -> Any:  # noqa: ANN401  (Ray types its remote functions as Any)
        """The function as a Ray task that takes what a trial takes."""
        resources = self._resources
        share = {"num_cpus": resources.cpus_per_trial, "num_gpus": resources.gpus_per_trial}
        return ray.remote(max_retries=RETRIES, **share)(function)
