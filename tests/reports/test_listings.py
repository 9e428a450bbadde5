"""Tests of the answers about runs, as text."""

from __future__ import annotations

import pytest

from dbsweep.errors import RunError
from dbsweep.records.names import BASE, Metric
from dbsweep.records.run import RunRecord
from dbsweep.reports.contract import best_json, runs_json
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
    assert f"  export   dbsweep export {record.name} --out {record.name}.safetensors" in text
    assert f"           dbsweep best {record.name} --export {record.name}-best" in text
    assert record.choice.reason in text


def test_the_text_names_the_checkpoints_that_one_could_take_instead(record, tmp_path):
    assert record.choice is not None
    shown = record.choice.candidates[:8]
    rows = best_text(record, tmp_path)[-len(shown) :]
    assert all(candidate.checkpoint in row.split() for candidate, row in zip(shown, rows, strict=True))


def test_the_front_is_of_what_can_be_measured(record, tmp_path):
    assert any(line.endswith("(* on the front of identity, style and prior):") for line in best_text(record, tmp_path))
    base = record.scorecards[BASE]
    style = base.scores[Metric.STYLE].model_copy(update={"value": float("nan")})
    unknown = base.model_copy(update={"scores": {**base.scores, Metric.STYLE: style}})
    lines = best_text(record.model_copy(update={"scorecards": {**record.scorecards, BASE: unknown}}), tmp_path)
    assert any(line.endswith("(* on the front of identity and prior):") for line in lines)


def test_a_runner_up_that_misses_a_constraint_says_so(record, tmp_path):
    assert record.choice is not None
    first, second, *_ = record.choice.candidates
    missing = (first, second.model_copy(update={"unmet": ("identity >= 0.6",)}))
    lines = best_text(
        record.model_copy(update={"choice": record.choice.model_copy(update={"candidates": missing})}), tmp_path
    )
    assert lines[-1].endswith("  misses identity >= 0.6")
    assert "misses" not in lines[-2]


def test_the_trials_table_has_a_line_for_each(record):
    header, *lines = trials_text(record.model_copy(update={"verdicts": {}}))
    assert header.split()[:2] == ["trial", "learning_rate"]
    assert [line.split()[0] for line in lines] == [t.id for t in record.plan.trials]


def test_runs_are_counted_and_an_empty_folder_is_said_to_be(record):
    (row,) = runs_json([record])
    assert row["trials"] == len(record.plan.trials)
    assert row["best"] == (record.choice.best.checkpoint if record.choice else None)
    assert runs_text([record])[1].startswith(record.name)
    assert runs_text([])[0].startswith("No runs yet")
