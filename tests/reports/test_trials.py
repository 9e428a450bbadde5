"""The trial table: order, best checkpoints, trials without scores."""

from __future__ import annotations

import pytest

from dbsweep.records.choice import Overrule
from dbsweep.records.names import BASE, Metric, TrialState
from dbsweep.records.run import RunRecord
from dbsweep.reports.listings import trials_text
from dbsweep.reports.trials import trial_table
from dbsweep.selection.utility import utility_of


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


def test_scores_are_those_that_the_choice_compared(record: RunRecord) -> None:
    """First looks of few images may put another trial before the chosen one, which the choice knows better."""
    assert record.choice is not None
    candidates = tuple(
        c.model_copy(update={"identity": 0.5, "utility": c.utility / 2}) for c in record.choice.candidates
    )
    chosen = next(c for c in candidates if c.checkpoint == record.choice.best.checkpoint)
    choice = record.choice.model_copy(update={"best": chosen, "candidates": candidates})
    changed = record.model_copy(update={"choice": choice})
    row = trial_table(changed).rows[0]
    assert [cell.sort for cell in row.scores[:2]] == [round(chosen.utility, 6), 0.5]
    (line,) = [line for line in trials_text(changed) if line.startswith(f"{row.trial} ")]
    assert line.split()[-2:] == [f"{chosen.utility:.2f}", "chosen"]


def test_a_checkpoint_whose_weights_were_dropped_is_not_the_best(record: RunRecord) -> None:
    shown = next(row for row in trial_table(record).rows if not row.chosen and row.utility > 0.0)
    best = next(c for c in record.checkpoints_of(shown.trial) if str(c.epoch) == shown.best.text)
    dropped = {**record.checkpoints, best.id: best.model_copy(update={"kept": False})}
    row = next(
        r for r in trial_table(record.model_copy(update={"checkpoints": dropped})).rows if r.trial == shown.trial
    )
    assert row.best.text not in (shown.best.text, "–")


def test_blank_images_are_nobodys_best(record: RunRecord) -> None:
    """All checkpoints of t001 and t002 but the second: it is their best, whatever it is worth."""
    (first, second, *_), nan = record.checkpoints_of("t002"), float("nan")
    cards = dict(record.scorecards)
    for name in (name for name in cards if name.startswith(first.branch) and name != second.id):
        blank = {m: s.model_copy(update={"value": nan}) for m, s in cards[name].scores.items()}
        cards[name] = cards[name].model_copy(update={"scores": blank})
    before = record.model_copy(update={"choice": None, "scorecards": cards})
    row = next(row for row in trial_table(before).rows if row.trial == "t002")
    assert row.best.text == str(second.epoch)
    del cards[second.id]
    row = next(row for row in trial_table(before).rows if row.trial == "t002")
    assert [cell.text for cell in (*row.scores, row.best)] == ["–"] * 5


def test_before_the_choice_they_are_the_scorecards(record: RunRecord) -> None:
    before = record.model_copy(update={"choice": None})
    row = next(row for row in trial_table(before).rows if row.trial == "t004")
    cards = [before.scorecards[c.id] for c in before.checkpoints_of("t004")]
    assert row.utility == pytest.approx(max(utility_of(before).value_of(card) for card in cards))


def test_a_trial_without_scores_comes_last_with_dashes(record: RunRecord) -> None:
    cards = {name: card for name, card in record.scorecards.items() if name == BASE or not name.startswith("b01")}
    states = {**record.states, "t001": TrialState.FAILED}
    verdicts = {trial: verdict for trial, verdict in record.verdicts.items() if trial != "t001"}
    rows = trial_table(record.model_copy(update={"scorecards": cards, "states": states, "verdicts": verdicts})).rows
    assert {row.trial for row in rows[-2:]} == {"t001", "t002"}
    failed = next(row for row in rows if row.trial == "t001")
    assert [cell.text for cell in (*failed.scores, failed.best)] == ["–"] * 5
    assert failed.badge == ("failed", "failed")


def test_what_a_person_takes_comes_first_whatever_it_is_worth(record: RunRecord) -> None:
    assert record.choice is not None
    mine = record.choice.candidates[-1]
    rows = trial_table(
        record.model_copy(update={"overrule": Overrule(candidate=mine, because="sharper", time=0.0)})
    ).rows
    assert [row.trial for row in rows if row.chosen] == [rows[0].trial] == [mine.trial]
    levels = (mine.utility, mine.identity, mine.style, mine.prior)
    assert [cell.text for cell in rows[0].scores] == [f"{level:.2f}".replace("-0.00", "0.00") for level in levels]
    assert rows[0].best.text == str(mine.epoch)


def test_of_checkpoints_that_are_equally_good_the_earliest_is_the_best(record: RunRecord) -> None:
    first, *others = record.checkpoints_of("t002")
    cards = record.scorecards | {c.id: record.scorecards[first.id] for c in others}
    rows = trial_table(record.model_copy(update={"choice": None, "scorecards": cards})).rows
    assert [row.best.text for row in rows if row.trial == "t002"] == [str(first.epoch)]


def test_what_has_no_number_sorts_below_all_that_has(record: RunRecord) -> None:
    cards = {name: card for name, card in record.scorecards.items() if name == BASE or not name.startswith("b01")}
    rows = trial_table(record.model_copy(update={"scorecards": cards})).rows
    scored, bare = ([r for r in rows if (r.best.text == "–") is without] for without in (False, True))
    assert {row.trial for row in bare} == {"t001", "t002"}
    lowest = min(float(cell.sort) for row in scored for cell in row.scores)
    assert all(float(cell.sort) < min(lowest, 0.0) for row in bare for cell in (*row.scores, row.best))


def test_a_checkpoint_of_which_one_score_cannot_be_measured_may_be_the_best(record: RunRecord) -> None:
    cards = dict(record.scorecards)
    for name, card in record.scorecards.items():
        style = card.scores[Metric.STYLE].model_copy(update={"value": float("nan")})
        cards[name] = card.model_copy(update={"scores": {**card.scores, Metric.STYLE: style}})
    rows = trial_table(record.model_copy(update={"choice": None, "scorecards": cards})).rows
    assert {row.scores[2].text for row in rows} == {"–"}
    assert all(row.scores[0].text != "–" and row.best.text != "–" for row in rows)
