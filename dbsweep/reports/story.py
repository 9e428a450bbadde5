"""The story of a sweep: one trial that learned too little, the chosen one, and one that learned too much."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dbsweep.config.messages import counted
from dbsweep.records.names import Metric, TrialState, VerdictState
from dbsweep.records.run import RunRecord
from dbsweep.reports.learned import is_unlearned, told_and_asked
from dbsweep.reports.strips import FilmStrip, settings_text
from dbsweep.reports.words import number, numbers
from dbsweep.selection.evidence import VISIBLE


@dataclass(frozen=True, slots=True)
class Chapter:
    """One trial of the story.

    Attributes:
        title: ``Too little``, ``Right`` (``Not there yet``, ``Recommended``) or ``Too much``; tone: its CSS class.
        settings: of the trial that is spoken of, which may be a shorter one than the strip's.
        sentence: what is to be seen in the pictures, by the scores below them.
        evidence: of the verdict, which is of its own two checkpoints; empty of the choice, whose verdict stands there.
    """

    title: str
    tone: str
    settings: str
    sentence: str
    evidence: str
    strip: FilmStrip


def story(record: RunRecord, strips: Iterable[FilmStrip]) -> tuple[Chapter, ...]:
    """Up to three chapters, from too little to too much, each with a strip of its own."""
    pool = list(strips)
    chosen = next((strip for strip in pool if strip.holds_choice), None)
    others = [strip for strip in pool if strip is not chosen]
    little = _clearest(record, others, VerdictState.UNDERTRAINED, lambda s: -_scores(record, s, Metric.IDENTITY)[-1])
    much = _clearest(record, others, VerdictState.OVERTRAINED, lambda s: _fall(_scores(record, s, Metric.STYLE)))
    chapters = []
    if little is not None:
        chapters.append(_chapter("Too little", "undertrained", _little_sentence(record, little), little))
    if chosen is not None:
        chapters.append(_chosen_chapter(record, chosen))
    if much is not None:
        chapters.append(_chapter("Too much", "overtrained", _much_sentence(record, much), much))
    return tuple(chapters)


def _chapter(title: str, tone: str, sentence: str, strip: FilmStrip) -> Chapter:
    evidence = f"Its verdict while it trained: {strip.evidence}." if strip.evidence else ""
    return Chapter(title, tone, strip.settings, sentence, evidence, strip)


def _clearest(
    record: RunRecord, strips: list[FilmStrip], state: VerdictState, clearness: Callable[[FilmStrip], float]
) -> FilmStrip | None:
    """The strip that shows a state best; the one planned first among equals."""
    verdicts = record.verdicts
    fitting = [s for s in strips if s.trial in verdicts and verdicts[s.trial].state is state]
    fitting = [s for s in fitting if _scores(record, s, Metric.STYLE) and _scores(record, s, Metric.IDENTITY)]
    return max(fitting, key=clearness, default=None)


def _scores(record: RunRecord, strip: FilmStrip, metric: Metric) -> list[float]:
    return [value for _, value in _course(record, strip, metric)]


def _course(record: RunRecord, strip: FilmStrip, metric: Metric) -> list[tuple[int, float]]:
    """(epoch, value) as they stand below the pictures."""
    cards = [(c.epoch, record.card_of(c.checkpoint)) for c in strip.columns if c.checkpoint in record.scorecards]
    return [(epoch, card.value(metric)) for epoch, card in cards if metric in card.scores]


def _fall(values: list[float]) -> float:
    return max(values) - values[-1]


def _little_sentence(record: RunRecord, strip: FilmStrip) -> str:
    identity, _ = told_and_asked(record, _scores(record, strip, Metric.IDENTITY)[-1])
    last = strip.columns[-1].epoch
    return f"{strip.trial} ends after {counted(last, 'epoch')} with identity {identity}: the subject has not arrived."


def _chosen_chapter(record: RunRecord, strip: FilmStrip) -> Chapter:
    best = record.kept
    assert best is not None, "only the chosen strip gets this chapter"
    title, looks = "Right", f"looks like the subject (identity {number(best.identity)})"
    if not math.isfinite(best.identity):
        title, looks = "Recommended", "cannot be told from others by its identity"
    if is_unlearned(record, best):
        told, asked = told_and_asked(record, best.identity)
        looks = f"does not look like the subject yet (identity {told}; {asked} counts as ready)"
        title = "Not there yet"
    kept = f"style {number(best.style)} and prior {number(best.prior)} of the base model's, smoothed"
    sentence = f"{best.trial} at epoch {best.epoch} {looks}, and has {kept}."
    return Chapter(title, "chosen", settings_text(record, best.trial), sentence, "", strip)


def _much_sentence(record: RunRecord, strip: FilmStrip) -> str:
    styles = _course(record, strip, Metric.STYLE)
    (first, best), (last, end) = max(styles, key=lambda point: point[1]), styles[-1]
    start = f"epoch {first}" if first > 0 else "the base model"
    top, left = numbers(best, end) if end >= VISIBLE else (number(best), "nothing")
    onset = next((column.epoch for column in strip.columns if column.onset), None)
    since = f" from epoch {onset} on" if onset is not None else ""
    return (
        f"{strip.trial} is overtrained{since}: style falls from {top} at {start} to {left} at epoch {last}, "
        f"so the sanity prompts come to look like the photos, whatever else they ask for.{_end(record, strip)}"
    )


def _end(record: RunRecord, strip: FilmStrip) -> str:
    """How many steps were left when it was ended."""
    left = record.path_of(strip.trial).end_step - max(c.step for c in record.checkpoints_of(strip.trial))
    if record.states[strip.trial] is not TrialState.STOPPED or left <= 0:
        return ""
    return f" It was ended there, {counted(left, 'step')} before its plan."
