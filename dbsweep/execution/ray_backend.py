"""Branches as Ray Tune trials: on this machine's cores and GPUs, or on a cluster."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray import tune

from dbsweep.config.schema import Resources
from dbsweep.config.search import SchedulerName
from dbsweep.errors import ResourceError
from dbsweep.execution import ray_worker
from dbsweep.execution.backend import OnEvent, OnProgress, Prepared
from dbsweep.execution.exchange import Exchange, exchange_for
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.halving import BranchScheduler, Halving
from dbsweep.execution.jobs import BranchJob, SweepJob
from dbsweep.execution.queue import BranchQueue
from dbsweep.execution.ray_tasks import result, watch
from dbsweep.execution.ray_worker import Body
from dbsweep.execution.searcher import BranchSearcher, EventRelay
from dbsweep.records.events import BranchEnded, Event
from dbsweep.records.names import TrialState
from dbsweep.records.results import Checkpoint, GridImage, Scorecard

ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",  # the new output engine prints to stdout even when it is told to be silent
    "RAY_agent_register_timeout_ms": "120000",  # on busy cores Ray's own helper needs longer than the default
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # paths of the experiment file stay relative to where dbsweep was started
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # silences a warning about trials without GPUs
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the ledger has the metrics
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
}
"""What Ray reads from the environment; a value that the person has set wins."""

PASSED_ON = ("HF_", "TRANSFORMERS_")
"""Prefixes of variables that workers on other machines need. MLflow's are not among them: only the driver logs,
and its password would stand in the cluster's job table."""

SHARDS_PER_WORKER = 4
"""Class images are drawn in this many parts a worker, so that progress shows and slow workers hold nobody up."""

START_ATTEMPTS = 2
"""Ray gives itself 30 seconds to start; a busy machine with cold files needs more, and the second attempt finds them
warm."""

RETRIES = 2
"""Times that a branch whose process died is started again; it goes on from its last checkpoint."""


class RayBackend:
    """Runs a sweep on Ray.

    Args:
        run: where the workers write.
        resources: what one trial takes.
        address: of a cluster, ``auto`` for the one that this machine belongs to, None for a Ray of our own.
        body: what trains a branch, if not `dbsweep.execution.branch.run_branch`.
    """

    def __init__(
        self, run: RunFolder, resources: Resources, *, address: str | None = None, body: Body | None = None
    ) -> None:
        self._run = run
        self._resources = resources
        self._address = address
        self._body = body
        self._halving: Halving | None = None
        self._owns_ray = False
        self._started = False
        self._exchange: Exchange | None = None

    def prepare(self, job: SweepJob, on_progress: OnProgress) -> Prepared:
        """Draws class images and references and encodes photos, all at once on all workers."""
        begun = time.monotonic()
        self._start()
        job = self._equipped(job)
        shards = SHARDS_PER_WORKER * self._workers()
        references = self._task(ray_worker.draw_references).remote(job)
        photos = self._task(ray_worker.encode_photos).remote(job)
        draw = self._task(ray_worker.draw_class_images)
        drawing = [draw.remote(job, shard, shards) for shard in range(shards)]
        watch([references, photos, *drawing], self._resources, on_progress)
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
        exchange = self._exchange_of(jobs[0].sweep)
        exchange.forget_the_stop()
        equipped = [job.model_copy(update={"sweep": self._equipped(job.sweep)}) for job in jobs]
        sweep = _TuneThread(equipped, self._tuner, exchange, self._halving_for(jobs))
        try:
            sweep.run(on_event)
        finally:
            exchange.forget_the_stop()
            exchange.settle()

    def _halving_for(self, jobs: Sequence[BranchJob]) -> Halving | None:
        """What ends branches beside the verdict; one for all rounds, so that later ones meet the rungs of earlier."""
        if self._halving is None and jobs and jobs[0].sweep.experiment.search.scheduler is not SchedulerName.NONE:
            base = Scorecard.model_validate_json(self._run.base_scorecard.read_text(encoding="utf-8"))
            self._halving = Halving(jobs[0].sweep.experiment, base)
        return self._halving

    def draw_grids(self, job: SweepJob, checkpoint: Checkpoint) -> tuple[GridImage, ...]:
        """Draws the experiment's grids in one worker."""
        if not job.experiment.grids:
            return ()
        self._start()
        grids = tuple(result(self._task(ray_worker.draw_grids).remote(self._equipped(job), checkpoint)))
        self._exchange_of(job).fetch({(self._run.path / grid.cells[0][0][0][0]).parent for grid in grids})
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
                passed = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
                options = {"address": self._address, "runtime_env": {"env_vars": passed}}
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
        return ray.remote(num_cpus=resources.cpus_per_trial, num_gpus=resources.gpus_per_trial)(function)

    def _tuner(self, searcher: BranchSearcher, scheduler: BranchScheduler, relay: EventRelay) -> tune.Tuner:
        body = self._body
        resources = {"cpu": self._resources.cpus_per_trial, "gpu": self._resources.gpus_per_trial}

        def branch(config: dict[str, Any]) -> None:
            ray_worker.train_branch(config, body)

        return tune.Tuner(
            tune.with_resources(branch, resources),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=scheduler,
                num_samples=-1,
                reuse_actors=True,
                trial_name_creator=lambda trial: searcher.branch_of[trial.trial_id],
                trial_dirname_creator=lambda trial: searcher.branch_of[trial.trial_id],
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(self._run.path / "ray"),
                verbose=0,
                callbacks=[relay],
                failure_config=tune.FailureConfig(max_failures=RETRIES),
            ),
        )


def set_environment() -> None:
    """What Ray must find before it starts."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Without its result files Tune would print an error for every trial; the ledger has the metrics.
    logging.getLogger("ray.tune.analysis.experiment_analysis").setLevel(logging.CRITICAL)


def start_ray(**options: Any) -> None:  # noqa: ANN401  (`ray.init`'s own)
    """Starts Ray, or joins a cluster, without its noise.

    Raises:
        ResourceError: it does not start.
    """
    set_environment()
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}
    for attempt in range(START_ATTEMPTS):
        try:
            ray.init(**quiet, **options)
        except Exception as error:
            ray.shutdown()
            if attempt == START_ATTEMPTS - 1:
                reason = " ".join(str(error).split())
                raise ResourceError(f"Ray does not start ({reason}): end other programs, or give --address") from error
        else:
            return


class _TuneThread:
    """One call of `RayBackend.run`: Tune in a thread, its events handed to the caller's."""

    def __init__(
        self,
        jobs: Sequence[BranchJob],
        make_tuner: Callable[[BranchSearcher, BranchScheduler, EventRelay], tune.Tuner],
        exchange: Exchange,
        halving: Halving | None,
    ) -> None:
        self._exchange = exchange
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._branches = BranchQueue(jobs)
        searcher = BranchSearcher(self._branches, self._events.put, self._stop)
        scheduler = BranchScheduler(halving, self._branches, searcher)
        relay = EventRelay(self._branches, searcher, self._events.put, scheduler.ended)
        self._tuner = make_tuner(searcher, scheduler, relay)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._fit, name="tune", daemon=True)

    def run(self, on_event: OnEvent) -> None:
        """Returns or raises as `Backend.run` does; a second Ctrl-C does not wait for the workers."""
        self._thread.start()
        failure: BaseException | None = None
        while self._thread.is_alive() or not self._events.empty():
            try:
                self._hand_on(on_event if failure is None or isinstance(failure, KeyboardInterrupt) else None)
            except KeyboardInterrupt as error:
                if self._stop.is_set():
                    raise
                failure = self._end(error)
            except Exception as error:  # noqa: BLE001  (raised again when the workers have ended)
                failure = self._end(error)
        if failure is not None:
            raise failure
        if self._error is not None:
            raise self._error

    def _hand_on(self, on_event: OnEvent | None) -> None:
        try:
            event = self._events.get(timeout=0.1)
        except queue.Empty:
            return
        if on_event is not None:
            on_event(event)
        self._exchange.hear(event)

    def _end(self, error: BaseException) -> BaseException:
        """Asks the workers to end; the branches that wait are dropped by the searcher."""
        self._stop.set()
        self._exchange.ask_to_stop()
        return error

    def _fit(self) -> None:
        try:
            self._tuner.fit()
        except BaseException as error:  # noqa: BLE001  (raised again in the caller's thread)
            self._error = error
        reason = f"Ray Tune ended early: {self._error}" if self._error is not None else "Ray Tune ended early"
        for job in self._branches.running:
            step = self._branches.reached(job.branch.id)
            self._events.put(BranchEnded(branch=job.branch.id, state=TrialState.FAILED, last_step=step, reason=reason))
        for end in self._branches.drop_all(TrialState.FAILED, reason):
            self._events.put(end)
