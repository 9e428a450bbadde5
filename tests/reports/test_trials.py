"""The trial table: order, best checkpoints, trials without scores."""

from __future__ import annotations

from dbsweep.records.names import BASE, TrialState
from dbsweep.records.run import RunRecord
from dbsweep.reports.trials import trial_table


def test_rows_come_by_utility_with_the_choice_first(record: RunRecord) -> None:
    table = trial_table(record)
    utilities = [row.utility for row in table.rows]
    assert table.rows[0].chosen
    assert utilities == sorted(utilities, reverse=True)
    assert len(table.rows) == 6


def test_settings_columns_are_the_swept_ones_and_the_rest_is_said_once(record: RunRecord) -> None:
    table = trial_table(record)
    assert table.settings == ("learning rate", "epochs")
    assert table.common == "class images per instance 12, text encoder ratio 1"
    row = next(row for row in table.rows if row.trial == "t001")
    assert [(cell.text, cell.sort) for cell in row.settings] == [("5e-5", 5e-5), ("20", 20)]


def test_an_overtrained_trial_is_judged_at_its_best_checkpoint_not_its_last(record: RunRecord) -> None:
    row = next(row for row in trial_table(record).rows if row.trial == "t006")
    last = record.checkpoints_of("t006")[-1]
    assert row.badge == ("overtrained", "overtrained")
    assert int(row.best.text) < last.epoch
    assert row.strip == "t006"


def test_the_chosen_trial_shows_the_chosen_checkpoint(record: RunRecord) -> None:
    assert record.choice is not None
    earlier = next(c for c in record.choice.candidates if c.trial == "t004" and c.epoch == 10)
    changed = record.model_copy(update={"choice": record.choice.model_copy(update={"best": earlier})})
    row = trial_table(changed).rows[0]
    assert (row.trial, row.best.text) == ("t004", "10")


def test_a_trial_without_scores_comes_last_with_dashes(record: RunRecord) -> None:
    cards = {name: card for name, card in record.scorecards.items() if name == BASE or not name.startswith("b01")}
    states = {**record.states, "t001": TrialState.FAILED}
    verdicts = {trial: verdict for trial, verdict in record.verdicts.items() if trial != "t001"}
    rows = trial_table(record.model_copy(update={"scorecards": cards, "states": states, "verdicts": verdicts})).rows
    assert {row.trial for row in rows[-2:]} == {"t001", "t002"}
    failed = next(row for row in rows if row.trial == "t001")
    assert [cell.text for cell in (*failed.scores, failed.best)] == ["–"] * 5
    assert failed.badge == ("failed", "failed")
