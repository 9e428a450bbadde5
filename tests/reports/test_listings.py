"""Tests of the answers about runs, as text."""

from __future__ import annotations

import re
import time

import pytest

from dbsweep.errors import RunError
from dbsweep.records.choice import Overrule
from dbsweep.records.names import BASE, Metric, TrialState
from dbsweep.records.run import RunRecord
from dbsweep.reports.contract import best_json, runs_json
from dbsweep.reports.data import report_data
from dbsweep.reports.listings import best_text, runs_text, trials_text
from tests.reports.synthetic import Synthetic


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return Synthetic(tmp_path_factory.mktemp("run")).record


def test_without_a_choice_text_and_json_are_the_error_that_says_where_to_look(record, tmp_path):
    unchosen = record.model_copy(update={"choice": None, "finished": None})
    with pytest.raises(RunError, match=r"is not over; if it was interrupted, go on with `dbsweep resume"):
        best_json(unchosen, tmp_path)
    with pytest.raises(RunError, match=r"`dbsweep resume /far/demo`; see `dbsweep trials /far/demo`"):
        best_text(unchosen, tmp_path, "/far/demo")


def test_the_text_names_what_to_keep_and_how_to_export_it(record, tmp_path):
    assert record.choice is not None
    text = "\n".join(best_text(record, tmp_path))
    assert f"keep {record.choice.best.checkpoint}" in text
    assert text.endswith(
        "  export   one file for A1111, ComfyUI and Forge:\n"
        f"             dbsweep export {record.name} --out {record.name}.safetensors\n"
        "           a diffusers folder:\n"
        f"             dbsweep best {record.name} --export {record.name}-best\n"
        "  draw     pictures of your own prompts:\n"
        f"             dbsweep draw {record.name} --prompt 'photo of ohwx man' --out {record.name}-pictures"
    )
    assert record.choice.reason in text


def test_the_text_names_the_checkpoints_that_one_could_take_instead(record, tmp_path):
    assert record.choice is not None
    shown = record.choice.candidates[:8]
    lines = best_text(record, tmp_path)
    (title,) = [number for number, line in enumerate(lines) if line.startswith("The best by the ")]
    rows = lines[title + 2 : title + 2 + len(shown)]
    assert all(candidate.checkpoint in row.split() for candidate, row in zip(shown, rows, strict=True))


def test_the_front_is_of_what_can_be_measured(record, tmp_path):
    assert any(
        line.endswith("(* nothing beats it in identity, style and prior at once):")
        for line in best_text(record, tmp_path)
    )
    base = record.scorecards[BASE]
    style = base.scores[Metric.STYLE].model_copy(update={"value": float("nan")})
    unknown = base.model_copy(update={"scores": {**base.scores, Metric.STYLE: style}})
    lines = best_text(record.model_copy(update={"scorecards": {**record.scorecards, BASE: unknown}}), tmp_path)
    assert any(line.endswith("(* nothing beats it in identity and prior at once):") for line in lines)
    (note,) = [line for line in lines if line.startswith("Note: ")]
    assert "style" in note
    assert not any(line.startswith("Note: ") for line in best_text(record, tmp_path))


def test_what_could_not_be_measured_is_a_dash_among_the_candidates(record, tmp_path):
    assert record.choice is not None
    best = record.choice.best
    unknown = record.choice.model_copy(update={"candidates": (best.model_copy(update={"style": float("nan")}),)})
    (row,) = [
        line.split()
        for line in best_text(record.model_copy(update={"choice": unknown}), tmp_path)
        if best.checkpoint in line.split()[:2]
    ]
    assert row[-3] == "–"
    assert "nan" not in row


def test_the_order_of_candidates_is_told_where_there_was_a_race(record, tmp_path):
    assert record.choice is not None
    best = record.choice.best.checkpoint
    raced = record.model_copy(update={"further": {4: {best: record.scorecards[best]}}})
    for told, ending in ((raced, "at once; finalists of the race first):"), (record, "at once):")):
        (title,) = [line for line in best_text(told, tmp_path) if line.startswith("The best by the ")]
        assert title.endswith(ending)
    decisions = [report_data(told, tmp_path).decision for told in (raced, record)]
    assert [each.order for each in decisions if each is not None] == ["finalists of the race first", ""]


def test_a_runner_up_that_misses_a_constraint_says_so(record, tmp_path):
    assert record.choice is not None
    first, second, *_ = record.choice.candidates
    missing = (first, second.model_copy(update={"unmet": ("identity >= 0.6",)}))
    lines = best_text(
        record.model_copy(update={"choice": record.choice.model_copy(update={"candidates": missing})}), tmp_path
    )
    (one,) = [line for line in lines if "  misses " in line]
    assert second.checkpoint in one.split()
    assert one.endswith("  misses identity >= 0.6")


def test_the_trials_table_has_a_line_for_each_of_the_settings_in_which_they_differ(record):
    lines = trials_text(record.model_copy(update={"verdicts": {}}))
    start = next(number for number, line in enumerate(lines) if line.startswith("trial "))
    assert lines[0] == "All with class images per instance 12, text encoder ratio 1."
    assert lines[start].split() == ["trial", "rate", "epochs", "state", "verdict", "epoch", "utility"]
    assert [line.split()[0] for line in lines[start + 1 :]] == [t.id for t in record.plan.trials]
    assert record.choice is not None
    assert [line.split()[0] for line in lines if line.endswith("chosen")] == [record.choice.best.trial]


def test_a_narrow_terminal_has_state_and_verdict_of_a_trial_in_one_column(record):
    states = record.states | {
        "t001": TrialState.FAILED,
        "t004": TrialState.STOPPED,  # outrun: it is not ready to go on
        "t006": TrialState.STOPPED,  # by its verdict
    }
    changed = record.model_copy(update={"states": states})
    wide = max(len(line) for line in trials_text(changed) if line[:1] == "t")
    assert trials_text(changed, wide) == trials_text(changed)
    lines = trials_text(changed, wide - 1)
    told = {line.split()[0]: line.split()[3] for line in lines if re.match(r"t\d+ ", line)}
    assert told["t001"] == "failed"
    assert told["t003"] == "ready"
    assert told["t004"] == "stopped"
    assert told["t006"] == "overtrained"


def test_runs_are_counted_and_an_empty_folder_is_said_to_be(record):
    (row,) = runs_json([record])
    assert row["trials"] == len(record.plan.trials)
    assert row["best"] == (record.choice.best.checkpoint if record.choice else None)
    assert runs_text([record])[1].startswith(record.name)
    assert runs_text([])[0].startswith("No runs yet")


def test_what_the_person_took_is_to_keep_and_dbsweeps_is_named_beside_it(record, tmp_path):
    assert record.choice is not None
    best, mine = record.choice.best, record.choice.candidates[-1]
    overruled = record.model_copy(update={"overrule": Overrule(candidate=mine, because="her smile", time=0.0)})
    headline, _, because, recommends, reason, *rest = best_text(overruled, tmp_path)
    assert headline == (
        f"Run synthetic: keep {mine.checkpoint} (trial {mine.trial}, epoch {mine.epoch}, step {mine.step})"
    )
    assert because == "You chose it, because: her smile"
    assert recommends == (
        f"dbsweep recommends {best.checkpoint} (trial {best.trial}, epoch {best.epoch}, step {best.step}):"
    )
    assert reason == record.choice.reason
    assert f"  weights  {tmp_path / record.checkpoints[mine.checkpoint].path}" in rest
    (row,) = [line for line in trials_text(overruled) if line.endswith("chosen")]
    assert row.split()[0] == mine.trial
    assert row.split()[-3:-1] == [str(mine.epoch), f"{mine.utility:.2f}"]
    (told,) = runs_json([overruled])
    assert (told["best"], told["utility"]) == (mine.checkpoint, mine.utility)
    assert best_json(overruled, tmp_path)["overrule"] == {
        "because": "her smile",
        "recommended": {"trial": best.trial, "checkpoint": best.checkpoint, "epoch": best.epoch},
    }


def test_a_candidates_scores_stand_below_their_names_and_the_front_has_a_star(record, tmp_path):
    assert record.choice is not None
    named = record.choice.best.model_copy(
        update={"identity": 0.11, "style": 0.22, "prior": 0.33, "utility": 0.44, "on_front": True}
    )
    rows = (named, named.model_copy(update={"checkpoint": "b09-000012", "on_front": False}))
    lines = best_text(
        record.model_copy(update={"choice": record.choice.model_copy(update={"candidates": rows})}), tmp_path
    )
    (start,) = [number for number, line in enumerate(lines) if line.split()[:2] == ["checkpoint", "trial"]]
    assert lines[start].split()[-4:] == ["identity", "style", "prior", "utility"]
    assert [line.split()[-4:] for line in lines[start + 1 : start + 3]] == [["0.11", "0.22", "0.33", "0.44"]] * 2
    assert [line.split()[0] for line in lines[start + 1 : start + 3]] == ["*", "b09-000012"]


def test_what_was_ended_early_is_done_and_what_was_interrupted_has_not_failed(record):
    states = dict(
        zip(
            record.states,
            [
                TrialState.COMPLETED,
                TrialState.STOPPED,
                TrialState.FAILED,
                TrialState.INTERRUPTED,
                *[TrialState.PENDING] * 2,
            ],
            strict=True,
        )
    )
    (row,) = runs_json([record.model_copy(update={"states": states})])
    assert (row["trials"], row["completed"], row["failed"]) == (6, 2, 1)


@pytest.mark.parametrize(
    ("finished", "interrupted", "state"),
    [(1.8e9, False, "finished"), (None, True, "interrupted"), (None, False, "running")],
)
def test_a_run_says_whether_it_goes_on(record, finished, interrupted, state):
    told = record.model_copy(update={"finished": finished, "interrupted": interrupted})
    assert runs_text([told])[1].split()[1] == state


@pytest.mark.parametrize(("zone", "shown"), [("UTC0", "2026-11-22 14:20"), ("JST-9", "2026-11-22 23:20")])
def test_a_run_started_by_the_clock_on_the_wall(record, zone, shown, monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", zone)
        time.tzset()
        line = runs_text([record])[1]
    time.tzset()
    assert shown in line
