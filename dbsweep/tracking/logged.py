"""One run in MLflow, parent or trial: what it has, told by its tags, and adding what it has not."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbsweep.tracking.entries import KEPT_TAG, LATE_TAG, STEP_TAG, Point
from dbsweep.tracking.pictures import write_sheet

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

REPORT_TAG = "dbsweep.report"

PARAMS_A_BATCH = 100
"""MLflow's limit."""


class LoggedRun:
    """What MLflow has of one of its runs; nothing is logged twice.

    Args:
        run: MLflow's Run, as the store has it.

    Attributes:
        id: MLflow's.
        step: last step whose metrics and pictures are there.
    """

    def __init__(self, client: MlflowClient, run: Any) -> None:  # noqa: ANN401  (MLflow's Run)
        self._client = client
        self._tags = dict(run.data.tags)
        self._params = set(run.data.params)
        self._status: str = run.info.status
        self.id: str = run.info.run_id
        self.step = int(self._tags.get(STEP_TAG, "0"))

    def add(self, params: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Logs params and tags that are new; params never change."""
        from mlflow.entities import Param, RunTag

        new_params = {name: value for name, value in params.items() if name not in self._params}
        new_tags = {name: value for name, value in tags.items() if self._tags.get(name) != value}
        if not new_params and not new_tags:
            return
        for part in _parts(new_params.items(), PARAMS_A_BATCH):
            self._client.log_batch(self.id, params=[Param(name, value) for name, value in part])
        self._client.log_batch(self.id, tags=[RunTag(name, value) for name, value in new_tags.items()])
        self._params.update(new_params)
        self._tags.update(new_tags)

    def add_point(self, point: Point, run_folder: Path) -> None:
        """Logs a checkpoint, or what a late look at it has brought since it was logged.

        Pictures first: the step's tag, which comes with the metrics, says that all is there.
        """
        from mlflow.entities import Metric, RunTag

        step, time_ms, late_steps = point.checkpoint.step, point.timestamp_ms, self._late_steps
        is_new = step > self.step
        if not is_new and not (point.late and step not in late_steps):
            return
        tags = {STEP_TAG: str(step)} if is_new else {}
        if point.late:
            tags[LATE_TAG] = " ".join(map(str, sorted({*late_steps, step})))
        if point.scorecard is not None and point.scorecard.images:
            with tempfile.TemporaryDirectory() as folder:
                write_sheet(point.scorecard, run_folder, Path(folder), step=step, timestamp_ms=time_ms)
                self._client.log_artifacts(self.id, folder, "images")
            tags["mlflow.loggedImages"] = "True"  # shows the pictures on the run's page
        series = [Metric(name, value, time_ms, at) for name, at, value in point.series] if is_new else []
        metrics = {**(point.metrics if is_new else {}), **point.scores}
        self._client.log_batch(
            self.id,
            metrics=[*series, *(Metric(name, value, time_ms, step) for name, value in metrics.items())],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
        self.step = max(step, self.step)
        self._tags.update(tags)

    def add_kept(self, checkpoint: str, scores: Mapping[str, float], time: float) -> None:
        """Logs the scores of the checkpoint to keep; another one's take their place.

        All at step 0, so that the latest in time, which may be the person's choice, is the one that MLflow shows.

        Args:
            time: of the choice, seconds since the epoch.
        """
        from mlflow.entities import Metric, RunTag

        if self._tags.get(KEPT_TAG) == checkpoint:
            return
        metrics = [Metric(name, value, int(time * 1000), 0) for name, value in scores.items()]
        self._client.log_batch(self.id, metrics=metrics, tags=[RunTag(KEPT_TAG, checkpoint)])
        self._tags[KEPT_TAG] = checkpoint

    def add_report(self, page: Path) -> None:
        """Logs the folder of the page, if there is one and it has been written anew."""
        drawn = str(page.stat().st_mtime_ns) if page.is_file() else None
        if drawn is not None and self._tags.get(REPORT_TAG) != drawn:
            self._client.log_artifacts(self.id, str(page.parent), "report")
            self.add({}, {REPORT_TAG: drawn})

    def end(self, status: str, finished: float | None) -> None:
        """Sets how it ended, and when: seconds since the epoch, or now."""
        if self._status != status:
            self._client.set_terminated(self.id, status, None if finished is None else int(finished * 1000))
            self._status = status

    def delete(self) -> None:
        """Takes it out of the store."""
        self._client.delete_run(self.id)

    @property
    def _late_steps(self) -> frozenset[int]:
        return frozenset(map(int, self._tags.get(LATE_TAG, "").split()))


def _parts(items: Iterable[tuple[str, str]], size: int) -> list[list[tuple[str, str]]]:
    rows = list(items)
    return [rows[start : start + size] for start in range(0, len(rows), size)]
