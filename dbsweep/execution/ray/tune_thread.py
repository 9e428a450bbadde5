"""Ray Tune in a thread of its own, so that events and Ctrl-C arrive in the caller's."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from typing import Any

from ray import tune

from dbsweep.config.schema import Resources
from dbsweep.execution.backend import OnEvent
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.ray import placement, worker
from dbsweep.execution.ray.scheduler import BranchScheduler
from dbsweep.execution.ray.searcher import BranchSearcher, EventRelay
from dbsweep.execution.ray.tasks import RETRIES
from dbsweep.execution.ray.worker import Body
from dbsweep.execution.scheduling.comparison import Ending
from dbsweep.execution.scheduling.queue import BranchQueue
from dbsweep.execution.storage.exchange import Exchange
from dbsweep.records.events import BranchEnded, Event
from dbsweep.records.names import TrialState


class TuneThread:
    """One call of `RayBackend.run`: Tune in a thread, its events handed to the caller's.

    Args:
        run: where Tune keeps its own files.
        resources: what one trial takes.
        exchange: brings what the workers wrote.
        ending: what ends branches beside the verdict; None where nothing does.
        body: what trains a branch, if not `dbsweep.execution.branch.work.run_branch`.
    """

    def __init__(
        self,
        jobs: Sequence[BranchJob],
        run: RunFolder,
        resources: Resources,
        *,
        exchange: Exchange,
        ending: Ending | None,
        body: Body | None,
    ) -> None:
        self._exchange = exchange
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._branches = BranchQueue(jobs)
        searcher = BranchSearcher(self._branches, self._events.put, self._stop)
        scheduler = BranchScheduler(ending, self._branches, searcher)
        relay = EventRelay(self._branches, searcher, self._events.put, scheduler.ended)
        run_config = tune.RunConfig(
            name="tune",
            storage_path=str(run.path / "ray"),
            verbose=0,
            callbacks=[relay],
            failure_config=tune.FailureConfig(max_failures=RETRIES),
        )
        trainable = _trainable(resources, body)
        self._tuner = tune.Tuner(trainable, tune_config=_tune_config(searcher, scheduler), run_config=run_config)
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
        placement.use_in_tune()
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


def _trainable(resources: Resources, body: Body | None) -> Any:  # noqa: ANN401  (Tune has no type for it)
    def branch(config: dict[str, Any]) -> None:
        worker.train_branch(config, body)

    return tune.with_resources(branch, {"cpu": resources.cpus_per_trial, "gpu": resources.gpus_per_trial})


def _tune_config(searcher: BranchSearcher, scheduler: BranchScheduler) -> tune.TuneConfig:
    """Trials are branches, as many as the searcher suggests, and have their names."""
    return tune.TuneConfig(
        search_alg=searcher,
        scheduler=scheduler,
        num_samples=-1,
        reuse_actors=True,
        trial_name_creator=lambda trial: searcher.branch_of[trial.trial_id],
        trial_dirname_creator=lambda trial: searcher.branch_of[trial.trial_id],
    )
