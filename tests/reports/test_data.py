"""The report's record: header, progress, failures, and room on the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.records.names import BASE, TrialState
from dbsweep.records.run import RunRecord
from dbsweep.reports import data as data_module
from dbsweep.reports.data import report_data
from tests.reports.test_tokens import base


def test_the_header(record: RunRecord, run_folder: Path) -> None:
    data = report_data(record, run_folder)
    assert dict(data.facts) == {
        "Base model": "minisd",
        "Subject": "ohwx man",
        "Sweep": "6 trials, 2,160 optimizer steps (2,880 if each trained alone)",
    }
    assert dict(data.course) == {
        "Started": "22 November 2026, 14:20 UTC",
        "Took": "5 min 31 s",
        "Machine": "workstation",
    }


def test_many_machines_are_counted(record: RunRecord, run_folder: Path) -> None:
    hosts = {f"b{i}": f"node{i}" for i in range(6)}
    course = dict(report_data(record.model_copy(update={"hosts": hosts}), run_folder).course)
    assert course["Machines"] == "node0, node1, node2 and 3 more"


def test_every_strip_is_shown_once(record: RunRecord, run_folder: Path) -> None:
    data = report_data(record, run_folder)
    shown = [chapter.strip.trial for chapter in data.chapters] + [strip.trial for strip in data.strips]
    assert sorted(shown) == ["t002", "t004", "t006"]
    assert data.progress == ""


def test_strips_beyond_the_page_are_counted(
    record: RunRecord, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_module, "STRIPS_SHOWN", 1)
    changed = record.model_copy(update={"verdicts": {}})  # without verdicts only the choice has a chapter
    data = report_data(changed, run_folder)
    assert [chapter.strip.trial for chapter in data.chapters] == ["t004"]
    assert (data.strips, data.strips_left_out) == ((), 2)


def test_a_run_that_still_goes_on_says_so(record: RunRecord, run_folder: Path) -> None:
    states = {**record.states, "t005": TrialState.RUNNING, "t006": TrialState.PENDING}
    going = record.model_copy(update={"finished": None, "states": states})
    progress = report_data(going, run_folder).progress
    assert progress.startswith("This run is not over: 2 trials of 6 to come.")
    assert progress.endswith(f"If it was interrupted, go on with: dbsweep resume {record.name}")
    assert report_data(going, run_folder, "/far/run").progress.endswith("dbsweep resume /far/run")


def test_the_trials_of_an_interrupted_run_are_to_come(record: RunRecord, run_folder: Path) -> None:
    stopped = record.model_copy(
        update={"finished": None, "states": dict.fromkeys(record.states, TrialState.INTERRUPTED)}
    )
    assert report_data(stopped, run_folder).progress.startswith("This run is not over: 6 trials of 6 to come.")


def test_failures_name_reason_and_trials_but_a_stopped_branch_is_none(record: RunRecord, run_folder: Path) -> None:
    changed = record.model_copy(
        update={
            "branch_states": {**record.branch_states, "b01": TrialState.FAILED, "b03": TrialState.STOPPED},
            "failures": {"b01": "loss is NaN at step 17", "b03": "overtrained since step 240"},
            "states": {**record.states, "t002": TrialState.FAILED},
        }
    )
    (failure,) = report_data(changed, run_folder).failures
    assert (failure.branch, failure.state, failure.trials) == ("b01", "failed", "t002")
    assert failure.reason == "loss is NaN at step 17"


@pytest.mark.parametrize(
    ("states", "title"),
    [
        ({"b01": TrialState.FAILED}, "What failed"),
        ({"b01": TrialState.INTERRUPTED}, "What was interrupted"),
        ({"b01": TrialState.FAILED, "b02": TrialState.INTERRUPTED}, "What failed or was interrupted"),
    ],
)
def test_who_has_pressed_ctrl_c_has_not_failed(
    record: RunRecord, run_folder: Path, states: dict[str, TrialState], title: str
) -> None:
    changed = record.model_copy(update={"branch_states": {**record.branch_states, **states}})
    assert report_data(changed, run_folder).failures_title == title


def test_the_notes_tell_whether_the_base_model_knows_the_token(record: RunRecord, run_folder: Path) -> None:
    cards = {**record.scorecards, BASE: base("neon", known=True)}
    notes = report_data(record.model_copy(update={"scorecards": cards}), run_folder).notes
    assert any(note.startswith("The base model already draws something of its own for 'neon'") for note in notes)


def test_notes_are_sentences(record: RunRecord, run_folder: Path) -> None:
    plan = record.plan.model_copy(update={"notes": ("scheduler outrun: ends some", "grace_epochs has no effect")})
    notes = report_data(record.model_copy(update={"plan": plan}), run_folder).notes
    assert notes == ("Scheduler outrun: ends some.", "grace_epochs has no effect.")


def test_nothing_is_opened(record: RunRecord, tmp_path: Path) -> None:
    data = report_data(record, tmp_path / "elsewhere")
    picture = data.chapters[0].strip.rows[0].pictures[0]
    assert picture is not None
    assert not picture.paths[0].exists()


def test_where_nothing_is_shared_the_header_does_not_compare(record: RunRecord, run_folder: Path) -> None:
    cost = record.plan.cost.model_copy(update={"steps_alone": record.plan.cost.steps_shared})
    plain = record.model_copy(update={"plan": record.plan.model_copy(update={"cost": cost})})
    assert dict(report_data(plain, run_folder).facts)["Sweep"] == "6 trials, 2,160 optimizer steps"


def test_few_machines_are_named(record: RunRecord, run_folder: Path) -> None:
    hosts = {f"b{i}": f"node{i}" for i in range(4)}
    course = dict(report_data(record.model_copy(update={"hosts": hosts}), run_folder).course)
    assert course["Machines"] == "node0, node1, node2 and node3"


def test_trials_that_never_began_behind_a_failure_are_lost_with_it(record: RunRecord, run_folder: Path) -> None:
    states = {**record.states, "t001": TrialState.FAILED, "t002": TrialState.PENDING}
    branches = {**record.branch_states, "b01": TrialState.FAILED}
    (failure,) = report_data(
        record.model_copy(update={"states": states, "branch_states": branches}), run_folder
    ).failures
    assert (failure.trials, failure.reason) == ("t001 and t002", "no reason was recorded")
