"""Tests of the answers about a run: the JSON contract and its text."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from dbsweep.errors import RunError
from dbsweep.records.names import Metric
from dbsweep.records.run import RunRecord
from dbsweep.reports.listings import best_json, best_text, runs_json, runs_text, trials_json, trials_text
from tests.reports.synthetic import Synthetic


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return Synthetic(tmp_path_factory.mktemp("run")).record


def test_a_trial_has_the_keys_of_the_contract(record):
    trials = json.loads(json.dumps(trials_json(record)))
    assert [t["trial"] for t in trials] == [t.id for t in record.plan.trials]
    scored = next(t for t in trials if t["checkpoints"])
    assert {"trial", "settings", "state", "verdict", "checkpoints"} <= scored.keys()
    contract = {"learning_rate", "epochs", "class_images_per_instance", "text_encoder_ratio"}
    assert contract <= scored["settings"].keys()
    checkpoint = scored["checkpoints"][0]
    assert {"checkpoint", "step", "epoch", "sha256", "kept", "scores"} <= checkpoint.keys()
    assert checkpoint["checkpoint"] in record.checkpoints
    assert {"identity", "style", "prior", "utility"} <= checkpoint["scores"].keys()


def test_a_trials_checkpoints_rise_and_end_at_its_own_last_step(record):
    ends = {path.trial: path.end_step for path in record.plan.paths}
    for trial in trials_json(record):
        checkpoints = trial["checkpoints"]
        assert isinstance(checkpoints, list)
        steps = [c["step"] for c in checkpoints]
        assert steps == sorted(steps)
        assert all(step <= ends[trial["trial"]] for step in steps)


def test_the_best_is_the_ledgers_choice_with_an_absolute_path(record, tmp_path):
    best = json.loads(json.dumps(best_json(record, tmp_path)))
    assert record.choice is not None
    assert best["checkpoint"] == record.choice.best.checkpoint
    assert Path(best["path"]) == tmp_path / record.checkpoints[best["checkpoint"]].path
    assert best["scores"]["utility"] == pytest.approx(record.choice.best.utility)
    assert best.keys() == {"run", "trial", "checkpoint", "step", "epoch", "settings", "scores", "verdict", "path"}


def test_after_a_race_both_commands_tell_the_same_scores_of_a_checkpoint(record, tmp_path):
    assert record.choice is not None
    key = record.choice.best.checkpoint
    first = record.scorecards[key]
    identity = first.scores[Metric.IDENTITY].model_copy(update={"value": 0.123})
    closer = first.model_copy(update={"scores": {**first.scores, Metric.IDENTITY: identity}})
    raced = record.model_copy(update={"further": {8: {key: closer}}})
    trials = json.loads(json.dumps(trials_json(raced)))
    told = [c["scores"] for trial in trials for c in trial["checkpoints"] if c["checkpoint"] == key]
    assert told
    assert all(scores == best_json(raced, tmp_path)["scores"] for scores in told)
    assert told[0]["identity"] == 0.123


def test_what_cannot_be_measured_is_null(record, tmp_path):
    assert record.choice is not None
    key = record.choice.best.checkpoint
    card = record.card_of(key)
    style = card.scores[Metric.STYLE].model_copy(update={"value": math.nan})
    unknown = card.model_copy(update={"scores": {**card.scores, Metric.STYLE: style}})
    lost = record.model_copy(update={"scorecards": {**record.scorecards, key: unknown}, "further": {}})
    best = json.loads(json.dumps(best_json(lost, tmp_path), allow_nan=False))
    assert best["scores"]["style"] is None
    assert list(best["scores"])[:4] == ["identity", "style", "prior", "utility"]
    json.dumps(trials_json(lost), allow_nan=False)


def test_without_a_choice_the_error_says_where_to_look(record, tmp_path):
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
    header, *lines = trials_text(record)
    assert header.split()[:2] == ["trial", "learning_rate"]
    assert [line.split()[0] for line in lines] == [t.id for t in record.plan.trials]


def test_runs_are_counted_and_an_empty_folder_is_said_to_be(record):
    (row,) = runs_json([record])
    assert row["trials"] == len(record.plan.trials)
    assert row["best"] == (record.choice.best.checkpoint if record.choice else None)
    assert runs_text([record])[1].startswith(record.name)
    assert runs_text([])[0].startswith("No runs yet")
