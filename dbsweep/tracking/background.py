"""MLflow off the sweep's way: a thread that keeps it up to date while the sweep goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from dbsweep.records import RunRecord
from dbsweep.tracking.mlflow_log import MlflowTracker, SyncStatus


class BackgroundTracking:
    """Brings MLflow up to date every few seconds, from its own thread.

    Args:
        tracker: used by this thread alone.
        read: reads the ledger; called in the thread.
        run_folder: of the run.
        every_s: seconds between two syncs.
    """

    def __init__(
        self, tracker: MlflowTracker, read: Callable[[], RunRecord], run_folder: Path, *, every_s: float = 10.0
    ) -> None:
        self._tracker = tracker
        self._read = read
        self._run_folder = run_folder
        self._every_s = every_s
        self._ending = threading.Event()
        self._status = SyncStatus("MLflow has not been reached yet")
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    @property
    def status(self) -> SyncStatus:
        """How the latest sync went."""
        return self._status

    def finish(self, timeout_s: float = 60.0) -> SyncStatus:
        """Syncs a last time and ends the thread; call it when the report is written.

        Args:
            timeout_s: how long to wait for a slow server; what is missing then can be logged by a later sync.
        """
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._error is not None:
            raise self._error
        if self._thread.is_alive():
            return SyncStatus(f"MLflow did not take everything within {timeout_s:.0f} s")
        return self._status

    def _work(self) -> None:
        try:
            last = False
            while not last:
                last = self._ending.wait(self._every_s)
                self._status = self._tracker.sync(self._read(), self._run_folder)
        except BaseException as error:  # noqa: BLE001  (raised again by `finish`)
            self._error = error
