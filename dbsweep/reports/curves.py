"""Curves over epochs and the identity/style front, as plain points that charts draw."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from dbsweep.records.names import BASE, Metric
from dbsweep.records.run import RunRecord
from dbsweep.reports.families import heads
from dbsweep.reports.words import METRIC_NAMES, listing, number
from dbsweep.selection.utility import utility_of


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a curve; `low` and `high` bound it where an interval is known, else they equal it."""

    epoch: int
    value: float
    low: float
    high: float
    tip: str


@dataclass(frozen=True, slots=True)
class Curve:
    """One family of trials in one panel.

    Attributes:
        trial: id of the family's longest trial.
        tone: how it is drawn: ``chosen``, the value of its verdict, or ``plain``.
    """

    trial: str
    tone: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart of curves; the chosen trial's comes last, so that it is drawn on top.

    Attributes:
        unit: what the y axis measures, in words.
        chosen_epoch: where the chosen checkpoint is; None without a choice.
    """

    title: str
    unit: str
    chosen_epoch: int | None
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """One checkpoint in the plane of identity and style.

    Attributes:
        tone: ``chosen``, ``front`` or ``plain``.
    """

    identity: float
    style: float
    prior: float
    tone: str
    tip: str


Measured: TypeAlias = tuple[float, float, float] | None
"""Value, low and high; None where it was not measured."""

Measure: TypeAlias = Callable[[RunRecord, str], Measured]
"""What a panel shows of a checkpoint, by the checkpoint's id or ``"base"``."""


def _score(metric: Metric, record: RunRecord, checkpoint: str) -> Measured:
    card = record.scorecards.get(checkpoint)
    if card is None or metric not in card.scores:
        return None
    score = card.scores[metric]
    return score.value, score.low, score.high


def _utility(record: RunRecord, checkpoint: str) -> Measured:
    card = record.scorecards.get(checkpoint)
    if card is None or any(m not in card.scores for m in (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR)):
        return None
    value = utility_of(record).value_of(card)
    return value, value, value


def _loss(record: RunRecord, checkpoint: str) -> Measured:
    log = record.logs.get(checkpoint)
    return None if log is None else (log.loss, log.loss, log.loss)


def _validation_loss(record: RunRecord, checkpoint: str) -> Measured:
    measured = _score(Metric.VALIDATION_LOSS, record, checkpoint)
    # Its interval is about the level, which all checkpoints share: the same photos, the same noise.
    return None if measured is None else (measured[0],) * 3


LOSSES: Final = ("Training loss", METRIC_NAMES[Metric.VALIDATION_LOSS])
"""Titles of the panels whose values are on no scale from 0 to 1."""
_PANELS: Final[tuple[tuple[str, str, Measure], ...]] = (
    ("Utility", "0 to 1, as the experiment file weighs identity, style and prior", _utility),
    (METRIC_NAMES[Metric.IDENTITY], "1: as alike as your photos are to each other", partial(_score, Metric.IDENTITY)),
    (METRIC_NAMES[Metric.STYLE], "1: sanity prompts are followed as by the base model", partial(_score, Metric.STYLE)),
    (METRIC_NAMES[Metric.PRIOR], "1: the class as the base model draws it", partial(_score, Metric.PRIOR)),
    (LOSSES[0], "mean squared error of the predicted noise", _loss),
    (LOSSES[1], "the same on photos that are not trained, always with the same noise", _validation_loss),
)


def panels(record: RunRecord) -> tuple[Panel, ...]:
    """Utility, identity, style, prior and losses over epochs; a panel without any point is left out."""
    families: dict[str, list[str]] = {}
    for trial, head in heads(record.plan).items():
        families.setdefault(head, []).append(trial)
    epoch = record.kept.epoch if record.kept is not None else None
    found = []
    for title, unit, measure in _PANELS:
        curves = [_curve(record, head, members, title, measure) for head, members in families.items()]
        drawn = sorted((c for c in curves if c.points), key=lambda c: c.tone == "chosen")
        found.append(Panel(title, unit, epoch, tuple(drawn)))
    return tuple(panel for panel in found if panel.curves)


def _curve(record: RunRecord, head: str, members: list[str], title: str, measure: Measure) -> Curve:
    steps = [(0, BASE), *((c.epoch, c.id) for c in record.checkpoints_of(head))]
    measured = [(epoch, measure(record, checkpoint)) for epoch, checkpoint in steps]
    name = listing(sorted(members))
    points = tuple(
        Point(epoch, *values, _tip(name, epoch, title, values))
        for epoch, values in measured
        if values is not None and math.isfinite(values[0])
    )
    # A lone base point says nothing about the trial.
    return Curve(head, _tone(record, head, members), points if any(p.epoch > 0 for p in points) else ())


def _tip(name: str, epoch: int, title: str, values: tuple[float, float, float]) -> str:
    value, low, high = values
    shown = f"{value:.4f}" if title in LOSSES else number(value)
    interval = f" ({number(low)} to {number(high)})" if low < value or high > value else ""
    where = "base model" if epoch == 0 else f"{name}, epoch {epoch}"
    return f"{where}\n{title} {shown}{interval}"


def _tone(record: RunRecord, head: str, members: list[str]) -> str:
    if record.kept is not None and record.kept.trial in members:
        return "chosen"
    verdict = record.verdicts.get(head)
    return verdict.state.value if verdict is not None else "plain"


def front_points(record: RunRecord) -> tuple[FrontPoint, ...]:
    """One point a candidate checkpoint (once, however many trials share it), the chosen one last."""
    best = record.kept
    if record.choice is None or best is None:
        return ()
    points: dict[str, FrontPoint] = {}
    for c in (best, *record.choice.candidates):
        if c.checkpoint in points or not (math.isfinite(c.identity) and math.isfinite(c.style)):
            continue
        tone = "chosen" if c.checkpoint == best.checkpoint else "front" if c.on_front else "plain"
        tip = (
            f"{c.trial}, epoch {c.epoch}\nIdentity {number(c.identity)} · style {number(c.style)}"
            f" · prior {number(c.prior)}\nUtility {number(c.utility)}"
        )
        points[c.checkpoint] = FrontPoint(c.identity, c.style, c.prior, tone, tip)
    return tuple(sorted(points.values(), key=lambda p: ("plain", "front", "chosen").index(p.tone)))
