"""Tests of the answers about runs that scripts read: keys, numbers, and what JSON has no word for."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from dbsweep.records.names import Metric
from dbsweep.records.run import RunRecord
from dbsweep.reports.contract import best_json, trials_json
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
