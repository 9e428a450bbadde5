"""What an MLflow store has in the end, asked of MLflow itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlflow.tracking import MlflowClient

from dbsweep.config.schema import Tracking
from dbsweep.tracking.client import default_uri

SETTINGS = Tracking()


def runs_in(output: Path) -> dict[str, Any]:
    return {run.info.run_name: run for run in _runs(output)}


def run_names(output: Path) -> list[str]:
    """Of two runs for one trial the name is there twice."""
    return [run.info.run_name for run in _runs(output)]


def _runs(output: Path) -> list[Any]:
    client = MlflowClient(tracking_uri=default_uri(output))
    experiment = client.get_experiment_by_name("dbsweep")
    assert experiment is not None
    assert experiment.artifact_location == (output / "mlartifacts").as_uri()
    return list(client.search_runs([experiment.experiment_id]))


def history(output: Path, run_id: str, metric: str) -> list[tuple[int, float]]:
    client = MlflowClient(tracking_uri=default_uri(output))
    return sorted((point.step, point.value) for point in client.get_metric_history(run_id, metric))


def pictures(output: Path, run_id: str) -> list[str]:
    client = MlflowClient(tracking_uri=default_uri(output))
    return sorted(file.path for file in client.list_artifacts(run_id, "images"))
