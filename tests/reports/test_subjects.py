"""With several subjects, which of them has arrived is told; with one, nothing is said twice."""

from __future__ import annotations

import json
from pathlib import Path

from dbsweep.records.choice import Overrule
from dbsweep.records.run import RunRecord
from dbsweep.reports.contract import best_json
from dbsweep.reports.data import report_data
from dbsweep.reports.listings import best_text
from dbsweep.reports.page import render_report
from dbsweep.reports.subjects import concept_rows, lagging_sentence
from tests.reports.synthetic import with_two_subjects

TABLE = "Its scores, concept by concept"


def page(record: RunRecord, run_folder: Path, out: Path) -> str:
    return render_report(report_data(record, run_folder), out).read_text(encoding="utf-8")


def test_all_answers_tell_each_subjects_scores_and_which_is_behind(
    record: RunRecord, run_folder: Path, tmp_path: Path
) -> None:
    both = with_two_subjects(record, (0.8, 0.4))
    sentence = lagging_sentence(both)
    # of an instance and two sanity prompts: (0.8 + 2 · 0.6) / 3, (0.4 + 2 · 0.2) / 3
    told = "zwx woman is clearly behind ohwx man in t004, epoch 50: identity 0.27 against 0.67 (95% interval"
    assert sentence.startswith(told)
    assert "(repeats of concepts[1], now 1)" in sentence
    lines = best_text(both, run_folder)
    assert sentence in lines
    (line,) = [line for line in lines if line.startswith("zwx woman ") and line != sentence]
    assert [cell.split(" ")[0] for cell in line.removeprefix("zwx woman").strip().split("  ")] == [
        "0.27",
        "0.60",
        "0.50",
    ]
    first, second = json.loads(json.dumps(best_json(both, run_folder)))["concepts"]
    assert (first["instance_token"], first["class_token"]) == ("ohwx", "man")
    assert {name: round(value, 2) for name, value in second["scores"].items()} == {
        "identity": 0.27,
        "style": 0.6,
        "prior": 0.5,
    }
    text = page(both, run_folder, tmp_path)
    assert TABLE in text
    assert told in text


def test_nobody_is_behind_where_the_difference_may_be_chance(record: RunRecord, run_folder: Path) -> None:
    alike = with_two_subjects(record, (0.8, 0.7), spread=0.4)
    assert len(concept_rows(alike)) == 2
    assert lagging_sentence(alike) == ""
    assert not any("clearly behind" in line for line in best_text(alike, run_folder))


def test_the_scores_are_of_what_the_person_keeps(record: RunRecord, run_folder: Path) -> None:
    alike, apart = (with_two_subjects(record, (0.8, second)) for second in (0.8, 0.4))
    assert alike.choice is not None
    other = alike.choice.candidates[1]
    cards = {**alike.scorecards, other.checkpoint: apart.scorecards[other.checkpoint]}
    mixed = alike.model_copy(update={"scorecards": cards})
    assert lagging_sentence(mixed) == ""
    kept = mixed.model_copy(update={"overrule": Overrule(candidate=other, because="sharper", time=0.0)})
    assert f"behind ohwx man in {other.trial}, epoch {other.epoch}:" in lagging_sentence(kept)
    assert [row.scores[0][0] for row in concept_rows(kept)] == ["0.67", "0.27"]


def test_a_single_subject_has_its_scores_once(record: RunRecord, run_folder: Path, tmp_path: Path) -> None:
    assert concept_rows(record) == ()
    assert lagging_sentence(record) == ""
    assert "concepts" not in best_json(record, run_folder)
    assert not any(line.startswith("concept ") for line in best_text(record, run_folder))
    assert TABLE not in page(record, run_folder, tmp_path)


def test_what_cannot_be_measured_of_a_subject_is_null(record: RunRecord, run_folder: Path) -> None:
    both = with_two_subjects(record, (0.8, float("nan")))
    told = concept_rows(both)
    assert [row.scores[0][0] for row in told] == ["0.67", "–"]
    assert told[1].scores[0][1] == ""  # no interval either
    concepts = best_json(both, run_folder)["concepts"]
    _, second = json.loads(json.dumps(concepts, allow_nan=False))
    assert second["scores"]["identity"] is None
    assert lagging_sentence(both) == ""


def test_the_repeats_that_are_told_are_those_of_the_subject_that_is_behind(record: RunRecord) -> None:
    both = with_two_subjects(record, (0.8, 0.4))
    concepts = both.experiment["concepts"]
    assert isinstance(concepts, list)
    man, woman = concepts
    repeated = {**both.experiment, "concepts": [{**man, "repeats": 2}, {**woman, "repeats": 3}]}
    assert "(repeats of concepts[1], now 3)" in lagging_sentence(both.model_copy(update={"experiment": repeated}))


def test_after_a_race_they_are_over_all_its_images(record: RunRecord) -> None:
    alike, apart = (with_two_subjects(record, (0.8, second)) for second in (0.8, 0.4))
    assert alike.kept is not None
    key = alike.kept.checkpoint
    raced = alike.model_copy(update={"further": {8: {key: apart.scorecards[key]}}})
    assert [row.scores[0][0] for row in concept_rows(raced)] == ["0.67", "0.27"]
