"""MLflow beside a sweep: a thread that logs what the ledger has, so that a slow server never slows a trial."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dbsweep.config.schema import Experiment
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.ledger import Ledger
from dbsweep.reports.terminal import TerminalView
from dbsweep.tracking.client import ui_command
from dbsweep.tracking.mlflow_log import MlflowTracker, SyncStatus

INTERVAL_S = 15.0
"""Seconds between two looks at the ledger while a sweep goes on."""

PATIENCE_S = 60.0
"""Seconds that the end of a run waits for a slow server."""


class TrackingThread:
    """Brings MLflow up to date every few seconds until closed.

    Args:
        tracker: used by this thread alone.
        folder, ledger: of the run.
        interval_s: between two looks.
    """

    def __init__(
        self, tracker: MlflowTracker, folder: RunFolder, ledger: Ledger, *, interval_s: float = INTERVAL_S
    ) -> None:
        self._tracker = tracker
        self._folder = folder
        self._ledger = ledger
        self._interval_s = interval_s
        self._status = SyncStatus("MLflow was not reached")
        self._error: Exception | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="mlflow", daemon=True)
        self._thread.start()

    def close(self, patience_s: float = PATIENCE_S) -> SyncStatus:
        """Looks a last time and ends; raises what went wrong in the thread, if it was not the server."""
        self._closing.set()
        self._thread.join(patience_s)
        if self._error is not None:
            raise self._error
        return SyncStatus(f"MLflow took longer than {patience_s:g} s") if self._thread.is_alive() else self._status

    def _keep_up(self) -> None:
        last = False
        while not last:
            last = self._closing.wait(self._interval_s)  # a look after the end has been asked for sees everything
            try:
                self._status = self._tracker.sync(self._ledger.read(), self._folder.path)
            except Exception as error:  # noqa: BLE001  (raised again by `close`)
                self._error = error
                return


@contextmanager
def tracked(experiment: Experiment, folder: RunFolder, ledger: Ledger, view: TerminalView) -> Iterator[None]:
    """Keeps MLflow up to date with the ledger until the block ends.

    A server that is away neither stops nor slows the sweep: it is said what is missing, and the next sync logs it.
    """
    if not experiment.tracking.enabled:
        yield
        return
    tracker = MlflowTracker(experiment.tracking, folder.path.parent)
    thread = TrackingThread(tracker, folder, ledger)
    try:
        yield
    finally:
        status = thread.close()
        how = f"MLflow: {ui_command(tracker.uri)}" if status.worked else f"Not everything is logged: {status.reason}"
        view.note(how)
