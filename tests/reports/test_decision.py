"""The choice: pairs of pictures, scores in words, photos that have gone."""

from __future__ import annotations

from pathlib import Path

from dbsweep.records.choice import Overrule
from dbsweep.records.names import Metric
from dbsweep.records.run import RunRecord
from dbsweep.reports.data import report_data
from dbsweep.reports.decision import decision
from dbsweep.reports.gauges import gauge, top
from dbsweep.reports.page import render_report
from tests.reports.synthetic import with_two_subjects


def test_base_and_chosen_are_paired_by_prompt_and_seed(record: RunRecord, run_folder: Path) -> None:
    told = decision(record, run_folder)
    assert told is not None
    assert record.choice is not None
    (concept,) = told.concepts
    assert concept.name == "ohwx man"
    assert [(c.base_prompt, c.prompt) for c in concept.comparisons] == [
        ("photo of man", "photo of ohwx man"),
        ("photo of man, ink poster style", "photo of ohwx man, ink poster style"),
        ("photo of man, pencil sketch style", "photo of ohwx man, pencil sketch style"),
        ("photo of man", "photo of man"),
    ]
    for c in concept.comparisons:
        assert all(p.caption.startswith("base model · ") for p in c.base)
        assert [p.caption.split()[-1] for p in c.base] == [p.caption.split()[-1] for p in c.chosen]
        assert all(record.choice.best.checkpoint in p.paths[0].name for p in c.chosen)
        assert all(p.paths[0].name.startswith("base-") for p in c.base)


def test_settings_are_the_trials_and_what_the_file_says_of_training_besides(
    record: RunRecord, run_folder: Path
) -> None:
    train = {"resolution": 64, "lora_rank": 4, "learning_rate": 5e-3, "optimizer": "adamw"}
    lora = record.model_copy(update={"experiment": {**record.experiment, "train": train}})
    told = decision(lora, run_folder)
    assert told is not None
    assert [name for name, _ in told.settings[:4]] == [
        "learning rate",
        "class images per instance",
        "text encoder ratio",
        "epochs",
    ]
    assert told.settings[0][1] == "2e-4"  # the trial's, not the file's
    assert sorted(told.settings[4:]) == [("LoRA rank", "4"), ("resolution", "64")]  # AdamW is the default


def test_scores_come_with_their_interval(record: RunRecord, run_folder: Path) -> None:
    told = decision(record, run_folder)
    assert told is not None
    assert record.choice is not None
    scores = record.scorecards[record.choice.best.checkpoint].scores
    score, end = scores[Metric.PRIOR], top(scores.values())
    line = next(line for line in told.scores if line.name == "Prior")
    assert (line.value, line.interval) == (f"{score.value:.2f}", f"{score.low:.2f} to {score.high:.2f}")
    assert line.gauge == gauge(score, end)


def test_the_page_tells_of_what_the_utility_is_where_the_measured_scores_read_otherwise(
    record: RunRecord, run_folder: Path, tmp_path: Path
) -> None:
    assert record.choice is not None
    card, best = record.card_of(record.choice.best.checkpoint), record.choice.best
    values = {name: card.value(Metric(name)) for name in ("identity", "style", "prior")}
    alike = record.choice.model_copy(update={"best": best.model_copy(update=values)})
    told = decision(record.model_copy(update={"choice": alike}), run_folder)
    assert told is not None
    assert told.smoothed == ""
    pulled = best.model_copy(update={**values, "style": values["style"] - 0.04})
    changed = record.model_copy(update={"choice": record.choice.model_copy(update={"best": pulled})})
    levels = f"identity {pulled.identity:.2f}, style {pulled.style:.2f}, prior {pulled.prior:.2f}"
    render_report(report_data(changed, run_folder), tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert f"; of {levels}, smoothed along the training</span>" in page


def test_all_photos_are_shown_and_their_loss_is_survived(record: RunRecord, run_folder: Path) -> None:
    told = decision(record, run_folder)
    assert told is not None
    assert len(told.concepts[0].photos) == 12
    assert told.concepts[0].missing == ""
    concept = {**record.experiment["concepts"][0], "instance_images": str(run_folder / "gone")}  # type: ignore[index]
    moved = decision(record.model_copy(update={"experiment": {**record.experiment, "concepts": [concept]}}), run_folder)
    assert moved is not None
    assert moved.concepts[0].photos == ()
    assert "does not exist" in moved.concepts[0].missing


def test_without_a_choice_there_is_no_decision(record: RunRecord, run_folder: Path) -> None:
    assert decision(record.model_copy(update={"choice": None}), run_folder) is None


def test_runners_up_and_what_would_change_the_choice_are_told(
    record: RunRecord, run_folder: Path, tmp_path: Path
) -> None:
    assert record.choice is not None
    best = record.choice.best.model_copy(update={"unmet": ("style >= 0.95",)})
    rows = (best, *record.choice.candidates[1:])
    changed = record.choice.model_copy(update={"candidates": rows, "changes": ("If style counted less, t001 won.",)})
    made = record.model_copy(update={"choice": changed})
    told = decision(made, run_folder)
    assert told is not None
    assert told.changes == ("If style counted less, t001 won.",)
    assert told.runners_up[0].place == f"{best.trial}, epoch {best.epoch} ({best.checkpoint})"
    levels = (best.utility, best.identity, best.style, best.prior)
    assert told.runners_up[0].scores == tuple(f"{level:.2f}" for level in levels)
    assert [row.place for row in told.runners_up] == [f"{c.trial}, epoch {c.epoch} ({c.checkpoint})" for c in rows[:8]]
    assert [row.missing for row in told.runners_up[:2]] == ["style >= 0.95", ""]
    text = render_report(report_data(made, run_folder), tmp_path).read_text(encoding="utf-8")
    assert "If style counted less, t001 won." in text
    assert "misses style &gt;= 0.95" in text


def test_what_the_person_takes_is_shown_and_what_dbsweep_recommends_is_named(
    record: RunRecord, run_folder: Path
) -> None:
    assert record.choice is not None
    best = record.choice.best
    mine = next(c for c in record.choice.candidates if c.trial != best.trial and c.checkpoint != best.checkpoint)
    overrule = Overrule(candidate=mine, because="her smile", time=0.0)
    told = decision(record.model_copy(update={"overrule": overrule}), run_folder)
    assert told is not None
    assert told.overruled == (
        f"Your choice, because: her smile. dbsweep recommends {best.trial}, epoch {best.epoch} ({best.checkpoint}), "
        "and says of it:"
    )
    assert told.drawn == f"{best.trial}, epoch {best.epoch}"  # the grids
    assert (told.trial, told.epoch, told.utility) == (mine.trial, mine.epoch, f"{mine.utility:.2f}")
    assert told.scores[0].value == f"{record.scorecards[mine.checkpoint].value(Metric.IDENTITY):.2f}"
    shown = [p.paths[0].name for concept in told.concepts for c in concept.comparisons for p in c.chosen]
    assert shown
    assert all(mine.checkpoint in name for name in shown)


def test_the_choice_of_dbsweep_is_nobodys_overruling(record: RunRecord, run_folder: Path) -> None:
    told = decision(record, run_folder)
    assert told is not None
    assert (told.overruled, told.drawn) == ("", "")


def test_after_a_race_the_scores_are_over_all_its_images(record: RunRecord, run_folder: Path) -> None:
    assert record.choice is not None
    best = record.choice.best
    first = record.scorecards[best.checkpoint]
    identity = first.scores[Metric.IDENTITY].model_copy(update={"value": 0.123})
    more = tuple(image.model_copy(update={"seed": image.seed + 100}) for image in first.images)
    closer = first.model_copy(
        update={"scores": {**first.scores, Metric.IDENTITY: identity}, "images": (*first.images, *more)}
    )
    told = decision(record.model_copy(update={"further": {4: {best.checkpoint: closer}}}), run_folder)
    assert told is not None
    assert told.images == "over 4 images a prompt"
    assert (told.scores[0].name, told.scores[0].value) == ("Identity", "0.12")
    assert told.smoothed.startswith(f"identity {best.identity:.2f}, ")  # what was compared, not the 0.12


def test_each_subject_has_its_own_pictures(record: RunRecord, run_folder: Path) -> None:
    told = decision(with_two_subjects(record, (0.8, 0.8)), run_folder)
    assert told is not None
    assert [(each.name, [c.prompt for c in each.comparisons]) for each in told.concepts] == [
        (
            f"{token} {noun}",
            [
                f"photo of {token} {noun}",
                f"photo of {token} {noun}, ink poster style",
                f"photo of {token} {noun}, pencil sketch style",
                f"photo of {noun}",
            ],
        )
        for token, noun in (("ohwx", "man"), ("zwx", "woman"))
    ]
