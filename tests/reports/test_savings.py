"""Trials that ran out of memory are told in every place where people look."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.records.run import RunRecord
from dbsweep.reports import savings as savings_module
from dbsweep.reports.contract import trials_json
from dbsweep.reports.data import report_data
from dbsweep.reports.listings import trials_text
from dbsweep.reports.savings import savings_sentences
from tests.reports.synthetic import Synthetic


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return Synthetic(tmp_path_factory.mktemp("run")).record


def short_of_memory(record: RunRecord, trials: int) -> RunRecord:
    """The same run, in which the last checkpoints of some trials were trained with less memory."""
    last = {record.checkpoints_of(trial.id)[-1].id for trial in record.plan.trials[:trials]}
    saved = {"gradient_checkpointing": True}
    logs = {key: log.model_copy(update={"savings": saved} if key in last else {}) for key, log in record.logs.items()}
    return record.model_copy(update={"logs": logs})


def test_nothing_is_said_where_memory_sufficed(record: RunRecord):
    assert savings_sentences(record) == ()
    assert all(trial["savings"] == {} for trial in trials_json(record))


def test_who_ran_out_and_what_was_done_is_said_everywhere(record: RunRecord, tmp_path: Path):
    first = record.plan.trials[0].id
    run = short_of_memory(record, 1)
    (sentence,) = savings_sentences(run)
    assert first in sentence
    assert sentence.endswith("ran out of memory and went on with gradient_checkpointing true")
    assert trials_json(run)[0]["savings"] == {"gradient_checkpointing": True}
    assert trials_text(run)[-1] == f"note: {sentence}"
    assert f"{sentence}." in report_data(run, tmp_path).notes


def test_many_trials_are_counted(record: RunRecord, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(savings_module, "_SHOWN", 2)
    (sentence,) = savings_sentences(short_of_memory(record, len(record.plan.trials)))
    assert sentence.startswith(f"t001, t002 and {len(record.plan.trials) - 2} more trials ran out of memory")


def test_one_trial_more_is_counted_too(record: RunRecord, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(savings_module, "_SHOWN", 2)
    (sentence,) = savings_sentences(short_of_memory(record, 3))
    assert sentence.startswith("t001, t002 and 1 more trial ran out of memory")
