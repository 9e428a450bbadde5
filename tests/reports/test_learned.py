"""The best checkpoint of a sweep that has not learned the subject is not called right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dbsweep.records.choice import Overrule
from dbsweep.records.names import Metric, VerdictState
from dbsweep.records.results import Verdict
from dbsweep.records.run import RunRecord
from dbsweep.reports.data import report_data
from dbsweep.reports.learned import unlearned_sentence
from dbsweep.reports.listings import best_text
from dbsweep.reports.page import render_report
from dbsweep.reports.story import story
from dbsweep.reports.strips import film_strips
from tests.reports.synthetic import with_two_subjects


def with_identity(record: RunRecord, **identities: float) -> RunRecord:
    """The record with other identities of the recommended checkpoint and of all the others."""
    choice = record.choice
    assert choice is not None
    best = choice.best.model_copy(update={"identity": identities["best"]})
    others = tuple(c.model_copy(update={"identity": identities["others"]}) for c in choice.candidates[1:])
    changed: dict[str, Any] = {"best": best, "candidates": (best, *others)}
    return record.model_copy(update={"choice": choice.model_copy(update=changed)})


def page(record: RunRecord, run_folder: Path, out: Path) -> str:
    return render_report(report_data(record, run_folder), out).read_text(encoding="utf-8")


def test_what_has_arrived_or_was_taken_by_a_person_is_taken(
    record: RunRecord, run_folder: Path, tmp_path: Path
) -> None:
    early = with_identity(record, best=0.29, others=0.2)
    assert early.choice is not None
    mine = Overrule(candidate=early.choice.best, because="her smile", time=1.8e9)
    for taken in (record, early.model_copy(update={"overrule": mine})):
        assert ": keep b02-" in best_text(taken, run_folder)[0]
        assert "Take <span" in page(taken, run_folder, tmp_path)


@pytest.mark.parametrize(("others", "hopeless"), [(0.2, True), (0.7, False)])
def test_all_texts_tell_that_the_subject_has_not_arrived(
    record: RunRecord, run_folder: Path, tmp_path: Path, others: float, hopeless: bool
) -> None:
    early = with_identity(record, best=0.29, others=others)
    sentence = unlearned_sentence(early)
    assert sentence.startswith("This is not your subject yet: identity is 0.29, and 0.50 counts as learned")
    assert ("No checkpoint of this sweep is there" in sentence) is hopeless
    assert sentence in best_text(early, run_folder)
    decision = report_data(early, run_folder).decision
    assert decision is not None
    assert sentence in decision.reason
    assert re.search(r": the best is b02-\d+, not your subject yet \(trial", best_text(early, run_folder)[0])
    assert "Not your subject yet: the best is <span" in page(early, run_folder, tmp_path)
    (chapter,) = [c for c in story(early, film_strips(early, run_folder)) if c.tone == "chosen"]
    assert chapter.title == "Not there yet"
    assert "does not look like the subject yet (identity 0.29; 0.50 counts as ready)" in chapter.sentence


@pytest.mark.parametrize(
    ("states", "advice"),
    [
        ([VerdictState.UNDERTRAINED, VerdictState.LEARNING], "train longer, or with higher learning rates."),
        ([], "train longer, or with higher learning rates."),
        (
            [VerdictState.UNDERTRAINED, VerdictState.OVERTRAINED],
            "train those longer that were neither overtrained nor collapsed (`dbsweep trials`).",
        ),
        (
            [VerdictState.COLLAPSED, VerdictState.OVERTRAINED],
            "every training was overtrained or collapsed first, so lower the learning rates.",
        ),
    ],
)
def test_more_training_is_no_advice_for_what_was_spoilt_by_it(
    record: RunRecord, states: list[VerdictState], advice: str
) -> None:
    verdicts = {f"t00{i}": Verdict(state=state, onset_step=None, evidence="") for i, state in enumerate(states, 1)}
    early = with_identity(record, best=0.29, others=0.2).model_copy(update={"verdicts": verdicts})
    assert unlearned_sentence(early).endswith(f"No checkpoint of this sweep is there: {advice}")


def test_an_identity_that_rounds_to_what_is_asked_is_said_to_be_below(record: RunRecord, run_folder: Path) -> None:
    close = with_identity(record, best=0.497, others=0.2)
    assert "identity is 0.497, and 0.500 counts as learned" in unlearned_sentence(close)
    (chapter,) = [c for c in story(close, film_strips(close, run_folder)) if c.tone == "chosen"]
    assert "(identity 0.497; 0.500 counts as ready)" in chapter.sentence


def test_what_cannot_be_measured_is_not_said_to_look_like_the_subject(record: RunRecord, run_folder: Path) -> None:
    unknown = with_identity(record, best=float("nan"), others=0.2)
    (chapter,) = [c for c in story(unknown, film_strips(unknown, run_folder)) if c.tone == "chosen"]
    assert chapter.title == "Recommended"
    assert "cannot be told from others by its identity" in chapter.sentence


@pytest.mark.parametrize(("plain", "held_back"), [(0.6, True), (0.4, False)])
def test_what_the_sanity_prompts_alone_hold_back_is_told(record: RunRecord, plain: float, held_back: bool) -> None:
    early = with_identity(with_two_subjects(record, (plain, plain)), best=plain - 0.13, others=0.2)
    said = "The instance prompt's pictures alone have 0.60, the sanity prompts' show less of it"
    assert (said in unlearned_sentence(early)) is held_back


@pytest.mark.parametrize("identity", [0.5, float("nan")])  # what cannot be measured is told elsewhere
def test_nothing_is_said_of_a_subject_that_has(record: RunRecord, run_folder: Path, identity: float) -> None:
    assert unlearned_sentence(with_identity(record, best=identity, others=0.2)) == ""
    assert unlearned_sentence(record.model_copy(update={"choice": None})) == ""


def test_pictures_that_nobody_could_measure_have_no_part_in_it(record: RunRecord) -> None:
    both = with_two_subjects(record, (0.6, 0.6))
    assert both.kept is not None
    key = both.kept.checkpoint
    card = both.scorecards[key]
    score = card.scores[Metric.IDENTITY]
    _, *others = score.samples
    unseen = card.model_copy(
        update={
            "scores": {**card.scores, Metric.IDENTITY: score.model_copy(update={"samples": (float("nan"), *others)})}
        }
    )
    blind = both.model_copy(update={"scorecards": {**both.scorecards, key: unseen}})
    assert "The instance prompt's pictures alone have 0." in unlearned_sentence(
        with_identity(blind, best=0.47, others=0.2)
    )
