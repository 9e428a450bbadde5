"""MLflow beside a sweep, or after it: it is told what the ledger has, so that a slow server never slows a trial."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dbsweep.config.schema import Experiment, Tracking
from dbsweep.errors import DbsweepError, InputError, ResourceError
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.run_settings import read_experiment
from dbsweep.tracking.address import absence, check_uri, remedy
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

    def __init__(self, tracker: MlflowTracker, folder: RunFolder, ledger: Ledger, *, interval_s: float) -> None:
        self._tracker = tracker
        self._folder = folder
        self._ledger = ledger
        self._interval_s = interval_s
        self._status = SyncStatus("MLflow was not reached")
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="mlflow", daemon=True)
        self._thread.start()

    def close(self, patience_s: float) -> SyncStatus:
        """Looks a last time and ends; Ctrl-C ends the waiting alone, since what is waited for is no part of the run."""
        self._closing.set()
        try:
            self._thread.join(patience_s)
        except KeyboardInterrupt:
            return SyncStatus("MLflow was not waited for")
        return SyncStatus(f"MLflow took longer than {patience_s:g} s") if self._thread.is_alive() else self._status

    def _keep_up(self) -> None:
        last = False
        while not last:
            last = self._closing.wait(self._interval_s)  # a look after the end has been asked for sees everything
            try:
                self._status = self._tracker.sync(self._ledger.read(), self._folder.path)
            except DbsweepError as error:  # of the ledger, which the sweep's own end will find too
                self._status = SyncStatus(str(error))


@contextmanager
def tracked(experiment: Experiment, folder: RunFolder, ledger: Ledger, view: TerminalView) -> Iterator[None]:
    """Keeps MLflow up to date with the ledger until the block ends.

    A server that is away neither stops nor slows the sweep: the ledger keeps what is missing, it is said at the
    beginning and at the end, and the next sync, or `track_run`, logs it.
    """
    if not experiment.tracking.enabled:
        yield
        return
    tracker = MlflowTracker(experiment.tracking, folder.path.parent)
    if (away := absence(tracker.uri)) is not None:
        view.note(f"{away}. The run keeps everything, and logs it as soon as it can")
    thread = TrackingThread(tracker, folder, ledger, interval_s=INTERVAL_S)
    try:
        yield
    finally:
        status = thread.close(PATIENCE_S)
        view.note(
            f"MLflow: {ui_command(tracker.uri)}"
            if status.worked
            else f"Not everything is logged: {status.reason}. Log the rest with: dbsweep track {folder.handle}"
        )


def track_run(folder: RunFolder, uri: str | None = None) -> str:
    """Logs to MLflow whatever of a run is not there yet; returns that all is there, and how to look at it.

    Args:
        uri: of the store, if not the experiment's.

    Raises:
        InputError: the URI can be no store; an empty one MLflow takes for one in the working directory.
        ResourceError: the store cannot be reached.
    """
    if uri is not None and not uri.strip():
        raise InputError(f"--uri must name an MLflow store, got {uri!r}; leave it out for the experiment's")
    if uri is not None:
        check_uri(uri, "--uri")
    settings = read_experiment(folder).tracking
    if uri is not None:
        settings = Tracking(uri=uri, experiment=settings.experiment)
    tracker = MlflowTracker(settings, folder.path.parent)
    with Ledger.open(folder.ledger, read_only=True) as ledger:
        status = tracker.sync(ledger.read(), folder.path)
    if not status.worked:
        raise ResourceError(f"not everything is logged: {status.reason}; {remedy(tracker.uri)}, or give --uri")
    return f"All of {folder.path.name} is in MLflow: {ui_command(tracker.uri)}"
