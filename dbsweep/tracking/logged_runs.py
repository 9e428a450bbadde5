"""The runs that MLflow has of one sweep, found in the store by their tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dbsweep.records.run import RunRecord
from dbsweep.tracking.client import artifact_location, connect
from dbsweep.tracking.entries import RUN_TAG, TRIAL_TAG, run_key
from dbsweep.tracking.logged import LoggedRun

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PARENT = ""
"""Stands for the parent run where a trial's id would stand."""

PAGE = 1000
"""Runs asked for at once."""


class LoggedRuns:
    """One MLflow run for the sweep, and one nested in it for each trial.

    Args:
        uri: of the store, which is reached now.
        experiment: name of MLflow's experiment, which is made if missing.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self._client: MlflowClient = connect(uri)
        self._uri = uri
        self._experiment = experiment
        self._experiment_id = ""
        self._runs: dict[str, LoggedRun] = {}
        self._key = ""

    def look_up(self, record: RunRecord) -> None:
        """Asks the store what it has, the first time and once more at the end (see `_take`)."""
        key = run_key(record)
        if key == self._key and record.finished is None:
            return
        self._experiment_id = self._find_experiment()
        self._runs = {}
        for run in self._search(key):
            self._take(run.data.tags.get(TRIAL_TAG, PARENT), LoggedRun(self._client, run))
        self._key = key

    def forget(self) -> None:
        """What has arrived is asked of the store the next time."""
        self._key = ""

    def parent(self, record: RunRecord) -> LoggedRun:
        """The run of the sweep; made if missing."""
        return self._open(record, PARENT, record.name, {})

    def of_trial(self, record: RunRecord, trial: str) -> LoggedRun:
        """The run of a trial; made if missing."""
        nested = {TRIAL_TAG: trial, "mlflow.parentRunId": self.parent(record).id}
        return self._open(record, trial, trial, nested)

    def _open(self, record: RunRecord, trial: str, name: str, tags: Mapping[str, str]) -> LoggedRun:
        if trial not in self._runs:
            tags = {RUN_TAG: run_key(record), **tags}
            run = self._client.create_run(self._experiment_id, int(record.started * 1000), dict(tags), run_name=name)
            self._runs[trial] = LoggedRun(self._client, run)
        return self._runs[trial]

    def _find_experiment(self) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(self._experiment, artifact_location=artifact_location(self._uri)))

    def _search(self, key: str) -> Iterator[Any]:
        """MLflow's Runs of a sweep."""
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment_id], f"tags.`{RUN_TAG}` = '{key}'", max_results=PAGE, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _take(self, trial: str, run: LoggedRun) -> None:
        """Takes note of a run in the store; of two for one trial the one that has more is kept.

        A server that answers too late has made the run that it is then asked for again.
        """
        known = self._runs.get(trial)
        if known is None:
            self._runs[trial] = run
            return
        kept, spare = sorted((known, run), key=lambda each: (-each.step, each.id))
        spare.delete()
        self._runs[trial] = kept
