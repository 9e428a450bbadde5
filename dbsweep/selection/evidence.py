"""The evidence of a verdict, in sentences that a person can check against the pictures.

Values are on open scales: identity below 0 is less like the photos than the base model's images, style below 0 is
away from the style. Nobody can see how far below nothing is, so sentences speak of 0 there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from dbsweep.config.figures import apart
from dbsweep.records.names import Metric
from dbsweep.records.results import Score, Scorecard
from dbsweep.selection.overtraining import Loss, Unfair

_UNFAIR: Final = {
    Unfair.UNPAID: "",
    Unfair.LOST: ", which does not make up for losing the last of it",
    Unfair.RUINED: ", which is worth less than what was lost",
}
VISIBLE = 0.005
"""Differences that two decimals do not show."""


def loss_sentence(loss: Loss, before: Scorecard, after: Scorecard, epochs: tuple[int, int]) -> str:
    """``style fell from 0.82 to 0.41 of the base's between epoch 40 and 60 (95% interval of the drop …) while …``.

    Args:
        loss: between the two cards, of which `before` may be the base model's (epoch 0).
        epochs: of the two.
    """
    end = _seen(after.value(loss.metric))
    start = _seen(after.value(loss.metric) + loss.drop)
    from_, to = apart(start, end) if end >= VISIBLE else (f"{start:.2f}", "nothing")
    return (
        f"{loss.metric.value} fell from {from_} to {to} of the base's between epoch {epochs[0]} and {epochs[1]}"
        f"{_interval_of_drop(loss, start)} while {_identity_words(before, after, loss.unfair)}"
    )


def _seen(value: float) -> float:
    return max(value, 0.0)


def _interval_of_drop(loss: Loss, start: float) -> str:
    low, high = min(loss.low, start), min(loss.high, start)  # more than all of it cannot be lost
    if start - low < VISIBLE:
        return " (95% interval of the drop: all of it)"
    if low <= 0.0:  # of two or three images alone, where the alarm knows the scatter of all checkpoints
        interval = f"{round(low, 2) + 0.0:.2f} to {high:.2f}"
        return (
            f" (95% interval of the drop {interval} by these two alone; by all checkpoints together it is more than "
            "chance)"
        )
    return f" (95% interval of the drop {low:.2f} to {high:.2f})"


def _identity_words(before: Scorecard, after: Scorecard, unfair: Unfair) -> str:
    start, end = _seen(before.value(Metric.IDENTITY)), _seen(after.value(Metric.IDENTITY))
    if end < VISIBLE:
        return "neither shows the subject" if start < VISIBLE else f"identity fell from {start:.2f} to nothing"
    if abs(end - start) < VISIBLE:
        return f"identity stayed at {end:.2f}"
    return f"identity rose {end - start:.2f}{_UNFAIR[unfair]}" if end > start else f"identity fell {start - end:.2f}"


def levels(card: Scorecard, metrics: Sequence[Metric], places: int = 2) -> str:
    """``identity 0.70 (0.62 to 0.78), style 0.90 (0.81 to 0.99)``: means with their 95% intervals, if they have any."""
    return ", ".join(f"{metric.value} {_level(card.scores[metric], places)}" for metric in metrics)


def _level(score: Score, places: int) -> str:
    value = f"{_seen(score.value):.{places}f}"
    if not math.isfinite(score.high - score.low) or score.high - score.low < VISIBLE:
        return value
    return f"{value} ({_seen(score.low):.{places}f} to {_seen(score.high):.{places}f})"


def listed(metrics: Sequence[Metric]) -> str:
    """``style and prior``; ``identity, style and prior``."""
    *rest, last = (metric.value for metric in metrics)
    return f"{', '.join(rest)} and {last}" if rest else last
