"""A copy of a run in MLflow: a parent run and a nested run per trial, brought up to date as often as one likes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dbsweep.config.addresses import without_password
from dbsweep.config.schema import Tracking
from dbsweep.records.names import TrialState
from dbsweep.records.plan import Trial
from dbsweep.records.run import RunRecord
from dbsweep.tracking.client import default_uri
from dbsweep.tracking.entries import STATUS, kept_scores, run_params, run_tags, trial_points, trial_tags
from dbsweep.tracking.logged_runs import LoggedRuns


@dataclass(frozen=True)
class SyncStatus:
    """How bringing MLflow up to date went.

    Attributes:
        reason: why it did not work, in one line; empty when it did. What is missing is logged by a later sync.
    """

    reason: str = ""

    @property
    def worked(self) -> bool:
        """Whether MLflow now knows all that the record does."""
        return not self.reason


class MlflowTracker:
    """Logs what a store does not have yet.

    What it has is read from the store itself, by tags, so nothing is logged twice: not after a crash, not by
    another process, not when the store was away for a while.

    Args:
        settings: URI of the store and name of MLflow's experiment, which is made if missing.
        output: folder of all runs; the store lies there if the settings name none.

    Attributes:
        uri: of the store.
    """

    def __init__(self, settings: Tracking, output: Path) -> None:
        self.uri = settings.uri if settings.uri is not None else default_uri(output)
        self._experiment = settings.experiment
        self._runs: LoggedRuns | None = None

    def sync(self, record: RunRecord, run_folder: Path) -> SyncStatus:
        """Logs everything in the record that is not logged yet; never raises, whatever the store or its client does.

        Args:
            run_folder: holds the images and, after the end, the report.
        """
        try:
            if self._runs is None:
                self._runs = LoggedRuns(self.uri, self._experiment)
            _sync(self._runs, record, run_folder)
        except ImportError as error:  # a driver of databases: MLflow brings none but SQLite's
            return SyncStatus(without_password(f"MLflow at {self.uri}: {error}: install this package"))
        except Exception as error:  # noqa: BLE001  (beside MLflow's and SQL's: protobuf's, S3's, GCS's, a plugin's own)
            if self._runs is not None:
                self._runs.forget()
            return SyncStatus(f"MLflow at {without_password(self.uri)}: {_one_line(error)}")
        return SyncStatus()


def _sync(runs: LoggedRuns, record: RunRecord, run_folder: Path) -> None:
    runs.look_up(record)
    parent = runs.parent(record)
    parent.add(run_params(record), run_tags(record))
    if record.kept is not None:
        chosen = record.overrule.time if record.overrule is not None else record.finished or record.started
        parent.add_kept(record.kept.checkpoint, kept_scores(record), chosen)
    if record.finished is not None:
        parent.add_report(run_folder / "report" / "index.html")
        parent.end("FINISHED", record.finished)
    for trial in record.plan.trials:
        if record.states[trial.id] is not TrialState.PENDING or record.checkpoints_of(trial.id):
            _sync_trial(runs, record, trial, run_folder)


def _sync_trial(runs: LoggedRuns, record: RunRecord, trial: Trial, run_folder: Path) -> None:
    run, state = runs.of_trial(record, trial.id), record.states[trial.id]
    run.add({name: str(value) for name, value in trial.settings.items()}, trial_tags(record, trial.id))
    for point in trial_points(record, trial.id, run_folder):
        run.add_point(point, run_folder)
    if state not in (TrialState.PENDING, TrialState.RUNNING):
        run.end(STATUS[state], record.finished)


def _one_line(error: Exception) -> str:
    """Its beginning says what was tried, its end why it did not work; a single word is told with the error's kind."""
    text = " ".join(without_password(str(error)).split()).rstrip(".")  # before it is cut, maybe in a password
    if " " not in text:
        text = f"{type(error).__name__} {text}".rstrip()
    return text if len(text) <= 200 else f"{text[:80].rsplit(' ', 1)[0]} … {text[-120:].split(' ', 1)[-1]}"
