"""The runs of one sweep are found in the store, each once, and those of another are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from dbsweep.tracking import logged_runs
from dbsweep.tracking.client import default_uri
from dbsweep.tracking.entries import RUN_TAG, TRIAL_TAG
from dbsweep.tracking.mlflow_log import MlflowTracker
from tests.tracking.records import STARTED, make_record
from tests.tracking.store import SETTINGS, history, runs_in


@pytest.mark.parametrize("same_tracker", [True, False])
def test_of_two_runs_of_a_trial_the_one_that_has_more_stays(output: Path, same_tracker: bool) -> None:
    """A server that answered too late has made the run twice: seen by who looks first, or at the end."""
    folder, tracker = output / "demo", MlflowTracker(SETTINGS, output)
    tracker.sync(make_record(folder, steps=2), folder)
    client, first = MlflowClient(tracking_uri=default_uri(output)), runs_in(output)["t002"]
    tags = {tag: first.data.tags[tag] for tag in (RUN_TAG, TRIAL_TAG)}
    spare = client.create_run(first.info.experiment_id, tags=tags, run_name="t002")
    tracker = tracker if same_tracker else MlflowTracker(SETTINGS, output)
    tracker.sync(make_record(folder, finished=same_tracker), folder)
    assert client.get_run(spare.info.run_id).info.lifecycle_stage == "deleted"
    assert runs_in(output)["t002"].info.run_id == first.info.run_id
    assert [step for step, _ in history(output, first.info.run_id, "loss")] == [10, 20, 30]


def test_a_later_run_of_the_same_name_has_runs_of_its_own(output: Path) -> None:
    folder = output / "demo"
    for started in (STARTED, STARTED + 3600):
        assert MlflowTracker(SETTINGS, output).sync(make_record(folder, steps=1, started=started), folder).worked
    experiment = runs_in(output)["demo"].info.experiment_id
    found = MlflowClient(tracking_uri=default_uri(output)).search_runs([experiment])
    names = sorted(run.info.run_name for run in found)
    assert names == ["demo", "demo", "t001", "t001", "t002", "t002"]


def test_runs_that_the_store_tells_page_by_page_are_all_found(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logged_runs, "PAGE", 1)
    for _ in range(2):
        assert MlflowTracker(SETTINGS, output).sync(make_record(output / "demo", steps=1), output / "demo").worked
    parent = runs_in(output)["demo"].info
    found = MlflowClient(tracking_uri=default_uri(output)).search_runs([parent.experiment_id])
    assert sorted(run.info.run_name for run in found) == ["demo", "t001", "t002"]
    assert parent.start_time == STARTED * 1000
