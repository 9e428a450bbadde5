"""The queue of branches in Ray Tune's terms: a Searcher that suggests them and a Callback that hears of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from ray.tune import Callback
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.result import DONE
from ray.tune.search import Searcher

from dbsweep.execution.scheduling.queue import BranchQueue
from dbsweep.records.events import BranchEnded, Event
from dbsweep.records.names import TrialState

JOB = "job"
EVENTS = "events"
"""Keys of a Tune trial's config and results; the values are JSON."""

# NaN scores must survive: the adapter's own configuration counts, not that of the records in it.
_EVENTS: TypeAdapter[tuple[Event, ...]] = TypeAdapter(
    tuple[Event, ...], config=ConfigDict(ser_json_inf_nan="constants")
)


def as_result(events: Sequence[Event]) -> dict[str, object]:
    """What a worker reports; with the branch's end Tune need not wait for the function to return."""
    told = {EVENTS: _EVENTS.dump_json(tuple(events)).decode()}
    return told | ({DONE: True} if isinstance(events[-1], BranchEnded) else {})


def events_in(result: Mapping[str, Any]) -> tuple[Event, ...]:
    """What `as_result` was given; nothing for results of Tune's own."""
    return _EVENTS.validate_json(result[EVENTS]) if EVENTS in result else ()


class BranchSearcher(Searcher):  # type: ignore[misc]
    """Suggests each branch once it is released.

    Nothing is suggested while running branches may still release others; the search is over when all have ended.

    Args:
        queue: shared with the `EventRelay`.
        tell: hears of the branches that are dropped when the sweep is asked to stop.
        stop: set when no further branch may start.
    """

    def __init__(self, queue: BranchQueue, tell: Callable[[Event], None], stop: threading.Event) -> None:
        super().__init__(metric=None, mode=None)
        self._queue = queue
        self._tell = tell
        self._stop = stop
        self.branch_of: dict[str, str] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next branch's job, None to be asked again, or ``FINISHED``."""
        if self._stop.is_set():
            for end in self._queue.drop_all(TrialState.INTERRUPTED, "asked to stop"):
                self._tell(end)
        job = self._queue.next()
        if job is not None:
            self.branch_of[trial_id] = job.branch.id
            return {JOB: job.model_dump_json()}
        return str(Searcher.FINISHED) if self._queue.finished else None

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles itself for a `Tuner.restore` that we never call; queues and threads do not belong there.
        return {}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Nothing to learn here: the `EventRelay` has told the queue."""

    def save(self, checkpoint_path: str) -> None:
        """Keeps nothing: the ledger is the truth, Ray's own state is never restored."""

    def restore(self, checkpoint_path: str) -> None:
        """Restores nothing; see `save`."""


class EventRelay(Callback):  # type: ignore[misc]
    """Hands the workers' events on, each branch's end included when its worker died.

    It never raises: an exception in a Tune callback would end the whole sweep.

    Args:
        queue: shared with the `BranchSearcher`.
        searcher: knows which Tune trial is which branch.
        tell: takes each event.
        halted: branch id → why the scheduler has ended it.
    """

    def __init__(
        self,
        queue: BranchQueue,
        searcher: BranchSearcher,
        tell: Callable[[Event], None],
        halted: Mapping[str, str],
    ) -> None:
        self._halted = halted
        self._queue = queue
        self._searcher = searcher
        self._tell = tell

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles itself for a `Tuner.restore` that we never call; queues and threads do not belong there.
        return {}

    def on_trial_result(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, result: dict[str, Any], **info: object
    ) -> None:
        """Events have been reported."""
        for event in events_in(result):
            self._record(event)

    def on_trial_error(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: object) -> None:
        """The worker died for good, retries included."""
        self._end(trial, f"its worker died: {_last_line(trial)}")

    def on_trial_complete(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: object) -> None:
        """The worker's function returned, and should have told the end, or the scheduler has ended it."""
        reason = self._halted.get(self._searcher.branch_of[trial.trial_id])
        if reason is not None:
            self._end(trial, reason, TrialState.STOPPED)
        else:
            self._end(trial, "its worker returned without an end")

    def _end(self, trial: TuneTrial, reason: str, state: TrialState = TrialState.FAILED) -> None:
        branch = self._searcher.branch_of[trial.trial_id]
        for job in self._queue.running:
            if job.branch.id == branch:
                step = self._queue.reached(branch)
                self._record(BranchEnded(branch=branch, state=state, last_step=step, reason=reason))

    def _record(self, event: Event) -> None:
        dropped = self._queue.record(event)
        for told in (event, *dropped):
            self._tell(told)


def _last_line(trial: TuneTrial) -> str:
    """What the last failure said. Ray copies this file to the run's storage only after it has told of the failure."""
    path = trial.error_file
    text = Path(path).read_text(encoding="utf-8", errors="replace") if path and Path(path).is_file() else ""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "no reason known"
