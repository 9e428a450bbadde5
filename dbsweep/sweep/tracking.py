"""MLflow beside the sweep: a thread that logs what the ledger has, so that a slow server never slows a trial."""

from __future__ import annotations

import threading
from pathlib import Path

from dbsweep.config.schema import Experiment
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.ledger import Ledger

INTERVAL_S = 20.0
"""Seconds between two looks at the ledger while a sweep goes on."""


class BackgroundTracking:
    """Keeps MLflow up to date until closed.

    Nothing is lost by a server that cannot be reached: the next look logs everything that is missing, and
    `dbsweep track` does so later.

    Args:
        experiment: says where MLflow is.
        folder, ledger: of the run.
    """

    def __init__(self, experiment: Experiment, folder: RunFolder, ledger: Ledger) -> None:
        self._experiment = experiment
        self._folder = folder
        self._ledger = ledger
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="mlflow", daemon=True)
        if experiment.tracking.enabled:
            self._thread.start()

    def notice(self) -> None:
        """The ledger has changed."""
        self._changed.set()

    def close(self) -> list[str]:
        """Logs what is left, and tells the person how to look at it or why it is missing."""
        if not self._experiment.tracking.enabled:
            return []
        self._closing.set()
        self._changed.set()
        self._thread.join()
        return self._lines

    def _keep_up(self) -> None:
        from dbsweep.tracking.mlflow_log import MlflowTracker  # seconds to import: in this thread

        tracker = MlflowTracker(self._experiment.tracking, self._folder.path.parent)
        while not self._closing.is_set():
            self._changed.wait()
            self._changed.clear()
            status = tracker.sync(self._ledger.read(), self._folder.path)
            self._closing.wait(INTERVAL_S)
