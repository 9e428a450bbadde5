"""Film strips: columns, marks, rows and who shares them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.records.choice import Overrule
from dbsweep.records.names import BASE, Metric
from dbsweep.records.plan import TrialPath
from dbsweep.records.run import RunRecord
from dbsweep.reports.strips import FilmStrip, film_strips, settings_text, swept_settings
from tests.reports.synthetic import STEPS_PER_EPOCH, Synthetic, with_two_subjects


@pytest.fixture
def strips(record: RunRecord, run_folder: Path) -> dict[str, FilmStrip]:
    return {strip.trial: strip for strip in film_strips(record, run_folder)}


def test_one_strip_for_each_training_not_for_each_trial(strips: dict[str, FilmStrip]) -> None:
    assert {trial: strip.trials for trial, strip in strips.items()} == {
        "t002": ("t002", "t001"),
        "t004": ("t004", "t003"),
        "t006": ("t006", "t005"),
    }
    assert strips["t002"].note == "t001 is the same training as t002, ended earlier."


def test_columns_run_from_the_base_model_to_the_last_checkpoint(strips: dict[str, FilmStrip]) -> None:
    columns = strips["t002"].columns
    assert [column.title for column in columns] == ["base", *(f"epoch {e}" for e in range(10, 61, 10))]
    assert [column.ends for column in columns if column.ends] == [("t001",), ("t002",)]
    assert columns[0].scores == ("0.00", "1.00", "1.00", "0.00")


def test_a_closer_look_replaces_the_scores_of_the_first(record: RunRecord, run_folder: Path) -> None:
    first, *_, last = record.checkpoints_of("t002")
    closer = record.model_copy(update={"further": {8: {first.id: record.scorecards[last.id]}}})
    before, after = (
        next(strip for strip in film_strips(seen, run_folder) if strip.trial == "t002").columns
        for seen in (record, closer)
    )
    assert before[1].scores != before[-1].scores
    assert [column.scores for column in after[1:]] == [before[-1].scores, *(column.scores for column in before[2:])]


def test_rows_show_each_prompt_with_its_token_and_the_base_images_first(strips: dict[str, FilmStrip]) -> None:
    rows = strips["t004"].rows
    assert [(row.kind, row.prompt) for row in rows] == [
        ("subject", "photo of ohwx man"),
        ("sanity prompt", "photo of ohwx man, ink poster style"),
        ("sanity prompt", "photo of ohwx man, pencil sketch style"),
        ("class, without the subject", "photo of man"),
    ]
    first, second = rows[1].pictures[:2]
    assert first is not None
    assert second is not None
    assert [path.name for path in first.paths] == ["base-1-420420.png", "base-1-420421.png"]
    assert first.alt == "“photo of man, ink poster style” by base model"
    name = strips["t004"].columns[1].checkpoint  # what `dbsweep choose` and `export` are told
    assert second.caption == f"t004, epoch 10 ({name}) · “photo of ohwx man, ink poster style” · seeds 420420, 420421"


def test_overtraining_is_marked_once_and_all_that_follows_is_lost(
    record: RunRecord, strips: dict[str, FilmStrip]
) -> None:
    onset = record.verdicts["t006"].onset_step
    assert onset is not None
    columns = strips["t006"].columns
    assert [column.step for column in columns if column.onset] == [onset]
    assert [column.lost for column in columns] == [column.step >= onset for column in columns]
    assert not any(column.lost for column in strips["t002"].columns)


def test_only_the_chosen_checkpoint_is_marked_chosen(record: RunRecord, strips: dict[str, FilmStrip]) -> None:
    assert record.choice is not None
    chosen = [(s.trial, c.checkpoint) for s in strips.values() for c in s.columns if c.chosen]
    assert chosen == [("t004", record.choice.best.checkpoint)]
    assert [strip.trial for strip in strips.values() if strip.holds_choice] == ["t004"]


@pytest.mark.parametrize(
    ("epochs", "longer", "told"), [(20, 1, "20 epochs are"), (1, 1, "epoch is"), (20, 2, "10 epochs are")]
)
def test_a_fork_says_how_much_it_shares(
    record: RunRecord, run_folder: Path, epochs: int, longer: int, told: str
) -> None:
    """Where the batch size is swept, an epoch of its own may be `longer` than the plan's."""
    parent, child = record.plan.branches[:2]
    milestones = tuple(m.model_copy(update={"epoch": m.epoch // longer}) for m in child.milestones)
    fork = {"parent": parent.id, "fork_step": epochs * STEPS_PER_EPOCH, "milestones": milestones}
    forked = child.model_copy(update=fork)
    paths = tuple(
        TrialPath(trial=p.trial, segments=((parent.id, forked.fork_step), *p.segments), end_step=p.end_step)
        if p.trial == "t004"
        else p
        for p in record.plan.paths
    )
    branches = (parent, forked, *record.plan.branches[2:])
    changed = record.model_copy(update={"plan": record.plan.model_copy(update={"paths": paths, "branches": branches})})
    strip = next(s for s in film_strips(changed, run_folder) if s.trial == "t004")
    assert f"Its first {told} shared with other trials, trained once." in strip.note
    assert (epochs < 10) or strip.columns[1].checkpoint.startswith(parent.id)


def test_strips_stand_in_the_order_of_the_trials_that_they_are_named_after(record: RunRecord, run_folder: Path) -> None:
    turned = record.plan.model_copy(update={"trials": record.plan.trials[::-1]})
    strips = film_strips(record.model_copy(update={"plan": turned}), run_folder)
    assert [strip.trial for strip in strips] == ["t006", "t004", "t002"]


def test_a_run_without_scorecards_has_no_strips(record: RunRecord, run_folder: Path) -> None:
    only_base = record.model_copy(update={"scorecards": {BASE: record.scorecards[BASE]}, "choice": None})
    assert film_strips(only_base, run_folder) == ()


def test_settings_in_words_are_those_that_differ(record: RunRecord) -> None:
    assert swept_settings(record) == ("learning_rate", "epochs")
    assert settings_text(record, "t003") == "learning rate 2e-4 · epochs 20"


def test_what_a_person_takes_of_a_shorter_trial_is_marked_in_the_strip_that_shows_it(
    record: RunRecord, run_folder: Path
) -> None:
    assert record.choice is not None
    mine = next(c for c in record.choice.candidates if c.trial == "t001")
    overruled = record.model_copy(update={"overrule": Overrule(candidate=mine, because="sharper", time=0.0)})
    strips = film_strips(overruled, run_folder)
    assert [(s.trial, c.checkpoint) for s in strips for c in s.columns if c.chosen] == [("t002", mine.checkpoint)]
    assert [strip.trial for strip in strips if strip.holds_choice] == ["t002"]


def test_with_several_concepts_each_row_says_whose_it_is(record: RunRecord, run_folder: Path) -> None:
    strip = film_strips(with_two_subjects(record, (0.8, 0.8)), run_folder)[0]
    assert [(row.kind, row.prompt) for row in strip.rows if row.kind.startswith("subject")] == [
        ("subject (concept 1)", "photo of ohwx man"),
        ("subject (concept 2)", "photo of zwx woman"),
    ]


def test_a_setting_that_a_trial_does_not_have_is_left_out_of_its_words(record: RunRecord) -> None:
    trials = tuple(
        t.model_copy(update={"settings": {k: v for k, v in t.settings.items() if t.id != "t003" or k != "epochs"}})
        for t in record.plan.trials
    )
    without = record.model_copy(update={"plan": record.plan.model_copy(update={"trials": trials})})
    assert settings_text(without, "t003") == "learning rate 2e-4"


def test_without_all_three_scores_there_is_no_utility(record: RunRecord, run_folder: Path) -> None:
    first = record.checkpoints_of("t002")[0].id
    card = record.scorecards[first]
    without = card.model_copy(update={"scores": {m: s for m, s in card.scores.items() if m is not Metric.STYLE}})
    changed = record.model_copy(update={"scorecards": {**record.scorecards, first: without}})
    column = film_strips(changed, run_folder)[0].columns[1]
    assert [text == "–" for text in column.scores] == [False, True, False, True]


def test_of_a_trial_that_shares_its_strip_with_none_no_end_is_told(tmp_path: Path) -> None:
    alone = Synthetic(tmp_path, rates=(2e-4,), epochs=(20,), seeds=1).record
    (strip,) = film_strips(alone, tmp_path)
    assert [column.ends for column in strip.columns] == [()] * 3
