"""The story of a sweep: one trial that learned too little, the chosen one, and one that learned too much."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dbsweep.config.messages import counted
from dbsweep.records.names import Metric, TrialState, VerdictState
from dbsweep.records.run import RunRecord
from dbsweep.reports.learned import asked_identity, identity_below, is_unlearned
from dbsweep.reports.strips import FilmStrip
from dbsweep.reports.words import number


@dataclass(frozen=True, slots=True)
class Chapter:
    """One trial of the story.

    Attributes:
        title: ``Too little``, ``Right`` (``Not there yet``, ``Recommended``) or ``Too much``; tone: its CSS class.
        sentence: what is to be seen in the pictures.
    """

    title: str
    tone: str
    sentence: str
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
        chapters.append(Chapter("Too little", "undertrained", _little_sentence(record, little), little))
    if chosen is not None:
        chapters.append(_chosen_chapter(record, chosen))
    if much is not None:
        chapters.append(Chapter("Too much", "overtrained", _much_sentence(record, much), much))
    return tuple(chapters)


def _clearest(
    record: RunRecord, strips: list[FilmStrip], state: VerdictState, clearness: Callable[[FilmStrip], float]
) -> FilmStrip | None:
    """The strip that shows a state best; the one planned first among equals."""
    verdicts = record.verdicts
    fitting = [s for s in strips if s.trial in verdicts and verdicts[s.trial].state is state]
    fitting = [s for s in fitting if _scores(record, s, Metric.STYLE) and _scores(record, s, Metric.IDENTITY)]
    return max(fitting, key=clearness, default=None)


def _scores(record: RunRecord, strip: FilmStrip, metric: Metric) -> list[float]:
    cards = [record.scorecards[c.checkpoint] for c in strip.columns if c.checkpoint in record.scorecards]
    return [card.value(metric) for card in cards if metric in card.scores]


def _fall(values: list[float]) -> float:
    return max(values) - values[-1]


def _little_sentence(record: RunRecord, strip: FilmStrip) -> str:
    identity = number(_scores(record, strip, Metric.IDENTITY)[-1])
    last = strip.columns[-1].epoch
    return f"{strip.trial} ends after {counted(last, 'epoch')} with identity {identity}: the subject has not arrived."


def _chosen_chapter(record: RunRecord, strip: FilmStrip) -> Chapter:
    best = record.kept
    assert best is not None, "only the chosen strip gets this chapter"
    title, looks = "Right", f"looks like the subject (identity {number(best.identity)})"
    if not math.isfinite(best.identity):
        title, looks = "Recommended", "cannot be told from others by its identity"
    if is_unlearned(record, best):
        asked = f"identity {identity_below(record, best)}, and {asked_identity(record):.2f} is asked for"
        title, looks = "Not there yet", f"does not look like the subject yet ({asked})"
    kept = f"style {number(best.style)} and prior {number(best.prior)} of the base model's, smoothed"
    return Chapter(title, "chosen", f"{best.trial} at epoch {best.epoch} {looks}, and has {kept}.", strip)


def _much_sentence(record: RunRecord, strip: FilmStrip) -> str:
    styles = _scores(record, strip, Metric.STYLE)
    onset = next((column.epoch for column in strip.columns if column.onset), None)
    since = f" from epoch {onset} on" if onset is not None else ""
    return (
        f"{strip.trial} is overtrained{since}: style falls from {number(max(styles))} to {number(styles[-1])}, "
        f"so the sanity prompts come to look like the photos, whatever else they ask for.{_end(record, strip)}"
    )


def _end(record: RunRecord, strip: FilmStrip) -> str:
    """How many steps were left when it was ended."""
    left = record.plan.path_of(strip.trial).end_step - max(c.step for c in record.checkpoints_of(strip.trial))
    if record.states[strip.trial] is not TrialState.STOPPED or left <= 0:
        return ""
    return f" It was ended there, {counted(left, 'step')} before its plan."
