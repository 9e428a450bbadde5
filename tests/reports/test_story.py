"""The story tells too little, right and too much, each with the clearest trial."""

from __future__ import annotations

from pathlib import Path

from dbsweep.records.names import Metric, TrialState, VerdictState
from dbsweep.records.run import RunRecord
from dbsweep.reports.story import story
from dbsweep.reports.strips import film_strips
from tests.reports.synthetic import Synthetic


def test_three_chapters_in_order(record: RunRecord, run_folder: Path) -> None:
    chapters = story(record, film_strips(record, run_folder))
    assert [(c.title, c.strip.trial) for c in chapters] == [
        ("Too little", "t002"),
        ("Right", "t004"),
        ("Too much", "t006"),
    ]
    little, right, much = (chapter.sentence for chapter in chapters)
    assert little.startswith("t002 ends after 60 epochs with identity 0.58")
    assert right.startswith("t004 at epoch ")
    best = record.kept
    assert best is not None
    assert right.endswith(f"style {best.style:.2f} and prior {best.prior:.2f} of the base model's, smoothed.")
    assert f"{best.style:.2f}" != f"{best.prior:.2f}"
    style = [record.scorecards[c.checkpoint].value(Metric.STYLE) for c in chapters[2].strip.columns]
    assert max(style) == style[0] == 1.0
    assert style[-1] < 0.005
    assert "style falls from 1.00 at the base model to nothing at epoch 60, so" in much
    assert f"overtrained from epoch {next(c.epoch for c in chapters[2].strip.columns if c.onset)} on" in much


def test_the_clearest_trials_are_told(tmp_path: Path) -> None:
    run = Synthetic(tmp_path, rates=(1e-5, 5e-5, 2e-4, 4e-4, 8e-4), seeds=2)
    chapters = {c.title: c.strip.trial for c in story(run.record, film_strips(run.record, tmp_path))}
    assert chapters["Too little"] == "t002"  # 1e-5 learns less than 5e-5
    assert chapters["Too much"] == "t010"  # 8e-4 loses more than 4e-4


def test_a_sweep_that_only_went_well_has_one_chapter(record: RunRecord, run_folder: Path) -> None:
    fine = {
        trial: verdict.model_copy(update={"state": VerdictState.READY, "onset_step": None})
        for trial, verdict in record.verdicts.items()
    }
    changed = record.model_copy(update={"verdicts": fine})
    assert [c.title for c in story(changed, film_strips(changed, run_folder))] == ["Right"]


def test_without_a_choice_the_others_are_still_told(record: RunRecord, run_folder: Path) -> None:
    changed = record.model_copy(update={"choice": None})
    assert [c.title for c in story(changed, film_strips(changed, run_folder))] == ["Too little", "Too much"]


def test_an_overtrained_trial_that_was_ended_says_how_much_was_left(record: RunRecord, run_folder: Path) -> None:
    last = record.checkpoints_of("t006")[-1]
    ended = record.model_copy(
        update={
            "states": {**record.states, "t006": TrialState.STOPPED},
            "checkpoints": {key: c for key, c in record.checkpoints.items() if key != last.id},
        }
    )
    left = last.step - ended.checkpoints_of("t006")[-1].step
    (much,) = [c.sentence for c in story(ended, film_strips(ended, run_folder)) if c.title == "Too much"]
    assert much.endswith(f" It was ended there, {left:,} steps before its plan.")


def test_a_style_falls_from_its_best_wherever_that_was(tmp_path: Path) -> None:
    """4e-4 loses less than 8e-4 but for a checkpoint whose style is beyond the base model's."""
    made = Synthetic(tmp_path, rates=(2e-4, 4e-4, 8e-4)).record
    first = made.checkpoints_of("t004")[0].id
    style = made.scorecards[first].scores[Metric.STYLE].model_copy(update={"value": 3.0})
    card = made.scorecards[first].model_copy(update={"scores": {**made.scorecards[first].scores, Metric.STYLE: style}})
    record = made.model_copy(update={"scorecards": {**made.scorecards, first: card}})
    much = story(record, film_strips(record, tmp_path))[-1]
    assert (much.title, much.strip.trial) == ("Too much", "t004")
    end = made.scorecards[made.checkpoints_of("t004")[-1].id].value(Metric.STYLE)
    assert f"style falls from 3.00 at epoch 10 to {end:.2f} at epoch 60, " in much.sentence


def test_the_verdicts_evidence_is_told_as_that_beside_the_scores_below_the_pictures(
    record: RunRecord, run_folder: Path
) -> None:
    """Its fall is between two checkpoints, that of the sentence from the best to the last."""
    little, right, much = story(record, film_strips(record, run_folder))
    assert much.evidence == f"Its verdict while it trained: {record.verdicts['t006'].evidence}."
    assert little.evidence == f"Its verdict while it trained: {record.verdicts['t002'].evidence}."
    assert right.evidence == ""  # the choice has it


def test_the_scores_of_a_sentence_are_those_below_its_pictures(record: RunRecord, run_folder: Path) -> None:
    """Of a checkpoint that was in the race, over all its images."""
    first = record.checkpoints_of("t006")[0].id
    style = record.scorecards[first].scores[Metric.STYLE].model_copy(update={"value": 1.5})
    card = record.scorecards[first].model_copy(
        update={"scores": {**record.scorecards[first].scores, Metric.STYLE: style}}
    )
    raced = record.model_copy(update={"further": {4: {first: card}}})
    much = story(raced, film_strips(raced, run_folder))[-1]
    assert "style falls from 1.50 at epoch 10 to " in much.sentence
    assert [column.scores[1] for column in much.strip.columns if column.checkpoint == first] == ["1.50"]


def test_a_chapter_has_the_settings_of_the_trial_that_it_speaks_of(record: RunRecord, run_folder: Path) -> None:
    """t003 is t004, ended earlier."""
    assert record.choice is not None
    shorter = next(c for c in record.choice.candidates if c.trial == "t003")
    chosen = record.model_copy(update={"choice": record.choice.model_copy(update={"best": shorter})})
    right = next(c for c in story(chosen, film_strips(chosen, run_folder)) if c.tone == "chosen")
    assert right.sentence.startswith("t003 at epoch ")
    assert (right.settings, right.strip.settings) == (
        "learning rate 2e-4 · epochs 20",
        "learning rate 2e-4 · epochs 60",
    )


def test_an_identity_that_is_asked_for_by_two_decimals_alone_has_more(record: RunRecord, run_folder: Path) -> None:
    last = record.checkpoints_of("t002")[-1].id
    identity = record.scorecards[last].scores[Metric.IDENTITY].model_copy(update={"value": 0.498})
    card = record.scorecards[last].model_copy(
        update={"scores": {**record.scorecards[last].scores, Metric.IDENTITY: identity}}
    )
    changed = record.model_copy(update={"scorecards": {**record.scorecards, last: card}})
    little = story(changed, film_strips(changed, run_folder))[0]
    assert little.sentence.startswith("t002 ends after 60 epochs with identity 0.498: ")


def test_the_chosen_training_has_one_chapter_though_it_was_overtrained_later(
    record: RunRecord, run_folder: Path
) -> None:
    verdicts = {**record.verdicts, "t004": record.verdicts["t006"]}
    ready = {**verdicts, "t005": record.verdicts["t003"], "t006": record.verdicts["t003"]}
    for judged, told in ((verdicts, ["t002", "t004", "t006"]), (ready, ["t002", "t004"])):
        changed = record.model_copy(update={"verdicts": judged})
        assert [c.strip.trial for c in story(changed, film_strips(changed, run_folder))] == told


def test_who_was_ended_at_the_last_step_is_not_told_as_ended_before(record: RunRecord, run_folder: Path) -> None:
    changed = record.model_copy(update={"states": {**record.states, "t006": TrialState.STOPPED}})
    assert "It was ended there" not in story(changed, film_strips(changed, run_folder))[-1].sentence
