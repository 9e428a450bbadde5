"""Nothing is logged twice, whatever breaks, and late looks and another choice are added to what is there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from dbsweep.records.choice import Overrule
from dbsweep.records.names import Metric
from dbsweep.records.results import Score
from dbsweep.records.run import RunRecord
from dbsweep.tracking.client import default_uri
from dbsweep.tracking.mlflow_log import MlflowTracker
from tests.tracking.records import STARTED, make_record
from tests.tracking.store import SETTINGS, history, pictures, runs_in


@pytest.mark.parametrize("same_tracker", [True, False])
def test_telling_more_and_again_logs_each_thing_once(output: Path, same_tracker: bool) -> None:
    folder = output / "demo"
    tracker = MlflowTracker(SETTINGS, output)
    for steps in (0, 1, 1, 3, 3):
        tracker = tracker if same_tracker else MlflowTracker(SETTINGS, output)
        assert tracker.sync(make_record(folder, steps=steps), folder).worked
    run = runs_in(output)["t002"]
    assert [step for step, _ in history(output, run.info.run_id, "loss")] == [10, 20, 30]
    assert len(pictures(output, run.info.run_id)) == 2 * 3


@pytest.mark.parametrize("same_tracker", [True, False])
def test_a_late_look_is_added_to_its_step_once(output: Path, same_tracker: bool) -> None:
    folder = output / "demo"
    record = passing_over(make_record(folder), step=20)
    unseen = record.model_copy(
        update={"scorecards": {k: v for k, v in record.scorecards.items() if v.checkpoint != "b01-000020"}}
    )
    tracker = MlflowTracker(SETTINGS, output)
    for told in (unseen, record, record):
        tracker = tracker if same_tracker else MlflowTracker(SETTINGS, output)
        assert tracker.sync(told, folder).worked
    run = runs_in(output)["t002"]
    assert [step for step, _ in history(output, run.info.run_id, "loss")] == [10, 20, 30]
    assert history(output, run.info.run_id, "identity") == [(10, 0.1), (20, 0.2), (30, 0.3)]
    assert len(pictures(output, run.info.run_id)) == 2 * 3
    assert run.data.tags["dbsweep.step"] == "30"


def passing_over(record: RunRecord, step: int) -> RunRecord:
    """The record with a plan that does not look at a step in training."""
    (branch,) = record.plan.branches
    spaced = tuple(m.model_copy(update={"evaluate": m.step != step}) for m in branch.milestones)
    plan = record.plan.model_copy(update={"branches": (branch.model_copy(update={"milestones": spaced}),)})
    return record.model_copy(update={"plan": plan})


def test_a_step_that_was_half_told_is_told_again_without_duplicates(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, record = output / "demo", make_record(output / "demo")
    tracker = MlflowTracker(SETTINGS, output)
    real, calls = MlflowClient.log_batch, []

    def breaks(self: MlflowClient, run_id: str, **batch: Any) -> None:
        if batch.get("metrics"):
            calls.append(run_id)
            if len(calls) == 2:
                real(self, run_id, metrics=batch["metrics"])  # the metrics arrive, the tag does not
                raise OSError("connection lost")
        real(self, run_id, **batch)

    monkeypatch.setattr(MlflowClient, "log_batch", breaks)
    status = tracker.sync(record, folder)
    assert not status.worked
    assert "connection lost" in status.reason
    assert tracker.sync(record, folder).worked
    for name, steps in (("t001", [10, 20]), ("t002", [10, 20, 30])):
        run = runs_in(output)[name]
        assert [step for step, _ in history(output, run.info.run_id, "loss")] == steps
        assert len(pictures(output, run.info.run_id)) == 2 * len(steps)


def test_the_parent_has_the_scores_of_what_is_kept_and_of_what_the_person_keeps_instead(output: Path) -> None:
    folder = output / "demo"
    record = make_record(folder, finished=True)
    assert record.choice is not None
    best = record.choice.best
    closer = record.scorecards["b01-000020"].model_copy(
        update={"scores": {metric: Score(value=0.15, low=0.1, high=0.2, samples=(0.15,)) for metric in Metric}}
    )
    record = record.model_copy(update={"further": {8: {"b01-000020": closer}}})  # the race drew more of it
    other = best.model_copy(update={"checkpoint": "b01-000010", "step": 10, "epoch": 1})
    overruled = record.model_copy(update={"overrule": Overrule(candidate=other, because="sharper", time=STARTED + 99)})
    shown = []
    for told in (make_record(folder), record, record, overruled):
        assert MlflowTracker(SETTINGS, output).sync(told, folder).worked
        shown.append(runs_in(output)["demo"].data.metrics.get("identity"))
    assert shown == [None, 0.15, 0.15, 0.1]
    parent = runs_in(output)["demo"]
    assert parent.data.tags["dbsweep.overrule.because"] == "sharper"
    assert history(output, parent.info.run_id, "utility")[0][0] == 0


def test_a_choice_is_as_old_as_it_is_and_the_report_is_logged_again_once_it_is_drawn_again(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real, logged = output / "demo", MlflowClient.log_artifacts, []

    def log(self: MlflowClient, run_id: str, local: str, path: str) -> None:
        logged.append(path)
        real(self, run_id, local, path)

    monkeypatch.setattr(MlflowClient, "log_artifacts", log)
    record = make_record(folder, finished=True)
    page = folder / "report" / "index.html"
    page.parent.mkdir()
    for text in ("first", "first", "second"):
        if not page.is_file() or page.read_text() != text:
            page.write_text(text)
            os.utime(page, (STARTED + len(text), STARTED + len(text)))
        assert MlflowTracker(SETTINGS, output).sync(record, folder).worked
    assert logged.count("report") == 2
    client = MlflowClient(tracking_uri=default_uri(output))
    (point,) = client.get_metric_history(runs_in(output)["demo"].info.run_id, "identity")
    assert point.timestamp == (STARTED + 60) * 1000


def test_what_has_arrived_is_not_sent_again(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store drops a metric that it has, so only what is sent tells; a late look sends its scores alone."""
    folder, real = output / "demo", MlflowClient.log_batch
    sent: list[tuple[str, str, int]] = []

    def log(self: MlflowClient, run_id: str, **batch: Any) -> None:
        sent.extend((run_id, metric.key, metric.step) for metric in batch.get("metrics", ()))
        real(self, run_id, **batch)

    monkeypatch.setattr(MlflowClient, "log_batch", log)
    record = passing_over(make_record(folder), step=20)
    unseen = record.model_copy(
        update={"scorecards": {k: v for k, v in record.scorecards.items() if v.checkpoint != "b01-000020"}}
    )
    tracker = MlflowTracker(SETTINGS, output)
    for told in (unseen, unseen, record, record):
        assert tracker.sync(told, folder).worked
    assert len(sent) == len(set(sent)) > 0
