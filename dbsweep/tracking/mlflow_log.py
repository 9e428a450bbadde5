"""A copy of a run in MLflow: a parent run and a nested run per trial, brought up to date as often as one likes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbsweep.config.schema import Tracking
from dbsweep.records.names import TrialState
from dbsweep.records.run import RunRecord
from dbsweep.tracking.client import artifact_location, connect, default_uri, set_environment, without_password
from dbsweep.tracking.entries import (
    LATE_TAG,
    RUN_TAG,
    STATUS,
    STEP_TAG,
    TRIAL_TAG,
    Point,
    run_key,
    run_params,
    run_tags,
    trial_points,
    trial_tags,
)
from dbsweep.tracking.pictures import write_sheet

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PARENT = ""
"""Stands for the parent run where a trial's id would stand."""

PAGE = 1000
"""Runs asked for at once."""

REPORT_TAG = "dbsweep.report"


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


@dataclass
class _Logged:
    """What MLflow has of one of its runs.

    Attributes:
        step: last step whose metrics and pictures are there.
    """

    run_id: str
    step: int
    tags: dict[str, str]
    status: str
    params: set[str] = field(default_factory=set)


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
        self._client: MlflowClient | None = None
        self._experiment_id = ""
        self._logged: dict[str, _Logged] = {}
        self._key = ""

    def sync(self, record: RunRecord, run_folder: Path) -> SyncStatus:
        """Logs everything in the record that is not logged yet; never raises because the store is away.

        Args:
            run_folder: holds the images and, after the end, the report.
        """
        set_environment()
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            self._client = self._client or connect(self.uri)
            self._find_logged(self._client, record)
            self._sync_parent(self._client, record, run_folder)
            for trial in record.plan.trials:
                if record.states[trial.id] is not TrialState.PENDING or record.checkpoints_of(trial.id):
                    self._sync_trial(self._client, record, trial.id, run_folder)
        except (MlflowException, SQLAlchemyError, OSError) as error:
            self._key = ""  # what has arrived is asked of the store next time
            return SyncStatus(without_password(f"MLflow at {self.uri}: {_one_line(error)}"))
        except ImportError as error:  # a driver of databases: MLflow brings none but SQLite's
            return SyncStatus(without_password(f"MLflow at {self.uri}: {error}: install this package"))
        return SyncStatus()

    def _find_logged(self, client: MlflowClient, record: RunRecord) -> None:
        key = run_key(record)
        if key == self._key and record.finished is None:  # at the end it is asked once more: see `_found`
            return
        found = client.get_experiment_by_name(self._experiment)
        self._experiment_id = (
            client.create_experiment(self._experiment, artifact_location=artifact_location(self.uri))
            if found is None
            else found.experiment_id
        )
        self._logged = {}
        token = None
        while True:
            page = client.search_runs(
                [self._experiment_id], f"tags.`{RUN_TAG}` = '{key}'", max_results=PAGE, page_token=token
            )
            for run in page:
                self._found(client, run.data.tags.get(TRIAL_TAG, PARENT), _logged(run))
            token = page.token
            if not token:
                break
        self._key = key

    def _found(self, client: MlflowClient, trial: str, run: _Logged) -> None:
        """Takes note of a run in the store; of two for one trial the one that has more is kept.

        A server that answers too late has made the run that it is then asked for again.
        """
        known = self._logged.get(trial)
        if known is None:
            self._logged[trial] = run
            return
        kept, spare = sorted((known, run), key=lambda each: (-each.step, each.run_id))
        client.delete_run(spare.run_id)
        self._logged[trial] = kept

    def _sync_parent(self, client: MlflowClient, record: RunRecord, run_folder: Path) -> None:
        run = self._open(client, record, PARENT, record.name, {})
        self._add(client, run, run_params(record), run_tags(record))
        page = run_folder / "report" / "index.html"
        if record.finished is None:
            return
        drawn = str(page.stat().st_mtime_ns) if page.is_file() else None
        if drawn is not None and run.tags.get(REPORT_TAG) != drawn:
            client.log_artifacts(run.run_id, str(page.parent), "report")
            self._add(client, run, {}, {REPORT_TAG: drawn})
        self._set_status(client, run, "FINISHED", record.finished)

    def _sync_trial(self, client: MlflowClient, record: RunRecord, trial: str, run_folder: Path) -> None:
        nested = {TRIAL_TAG: trial, "mlflow.parentRunId": self._logged[PARENT].run_id}
        run = self._open(client, record, trial, trial, nested)
        settings = next(t.settings for t in record.plan.trials if t.id == trial)
        self._add(client, run, {name: str(value) for name, value in settings.items()}, trial_tags(record, trial))
        for point in trial_points(record, trial, run_folder):
            if point.checkpoint.step > run.step or (point.late and point.checkpoint.step not in _late_steps(run)):
                self._log_point(client, run, point, run_folder)
        if record.states[trial] not in (TrialState.PENDING, TrialState.RUNNING):
            self._set_status(client, run, STATUS[record.states[trial]], record.finished)

    def _open(self, client: MlflowClient, record: RunRecord, trial: str, name: str, tags: Mapping[str, str]) -> _Logged:
        """The MLflow run of a trial, or of the parent; made if missing."""
        if trial not in self._logged:
            tags = {RUN_TAG: run_key(record), **tags}
            run = client.create_run(self._experiment_id, int(record.started * 1000), dict(tags), run_name=name)
            self._logged[trial] = _logged(run)
        return self._logged[trial]

    def _add(self, client: MlflowClient, run: _Logged, params: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Logs params and tags that are new; params never change."""
        from mlflow.entities import Param, RunTag

        new_params = {name: value for name, value in params.items() if name not in run.params}
        new_tags = {name: value for name, value in tags.items() if run.tags.get(name) != value}
        if not new_params and not new_tags:
            return
        for part in _parts(new_params.items(), 100):  # MLflow's limit a batch
            client.log_batch(run.run_id, params=[Param(name, value) for name, value in part])
        client.log_batch(run.run_id, tags=[RunTag(name, value) for name, value in new_tags.items()])
        run.params.update(new_params)
        run.tags.update(new_tags)

    def _log_point(self, client: MlflowClient, run: _Logged, point: Point, run_folder: Path) -> None:
        """Pictures first: the step's tag, which comes with the metrics, says that all is there.

        Of a late look at a step that has been logged only what is new.
        """
        from mlflow.entities import Metric, RunTag

        step, time_ms = point.checkpoint.step, point.timestamp_ms
        is_new = step > run.step
        tags = {STEP_TAG: str(step)} if is_new else {}
        if point.late:
            tags[LATE_TAG] = " ".join(map(str, sorted({*_late_steps(run), step})))
        if point.scorecard is not None and point.scorecard.images:
            with tempfile.TemporaryDirectory() as folder:
                write_sheet(point.scorecard, run_folder, Path(folder), step=step, timestamp_ms=time_ms)
                client.log_artifacts(run.run_id, folder, "images")
            tags["mlflow.loggedImages"] = "True"  # shows the pictures on the run's page
        series = [Metric(name, value, time_ms, at) for name, at, value in point.series] if is_new else []
        metrics = {**(point.metrics if is_new else {}), **point.scores}
        client.log_batch(
            run.run_id,
            metrics=[*series, *(Metric(name, value, time_ms, step) for name, value in metrics.items())],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
        run.step = max(step, run.step)
        run.tags.update(tags)

    def _set_status(self, client: MlflowClient, run: _Logged, status: str, end: float | None) -> None:
        if run.status != status:
            client.set_terminated(run.run_id, status, None if end is None else int(end * 1000))
            run.status = status


def _late_steps(run: _Logged) -> frozenset[int]:
    return frozenset(map(int, run.tags.get(LATE_TAG, "").split()))


def _logged(run: Any) -> _Logged:  # noqa: ANN401  (MLflow's Run)
    tags = dict(run.data.tags)
    return _Logged(
        run_id=run.info.run_id,
        step=int(tags.get(STEP_TAG, "0")),
        tags=tags,
        status=run.info.status,
        params=set(run.data.params),
    )


def _parts(items: Iterable[tuple[str, str]], size: int) -> list[list[tuple[str, str]]]:
    rows = list(items)
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _one_line(error: Exception) -> str:
    """Its beginning says what was tried, its end why it did not work."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:80]} … {text[-120:]}"
