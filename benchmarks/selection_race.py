"""The race of `dbsweep.sweep.racing` on sweeps whose curves are known: more images for what can still win."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from benchmarks.selection_curves import SubjectCurves
from benchmarks.selection_plan import EVALUATE
from dbsweep.config.evaluate import Evaluate
from dbsweep.records.results import Scorecard
from dbsweep.selection.choice import ChoiceSettings
from dbsweep.selection.race import contenders
from dbsweep.selection.smoothing import Row
from dbsweep.selection.utility import Utility
from dbsweep.sweep.racing import race_settings

Look: TypeAlias = Callable[[str, int], Scorecard | None]
"""The scorecard of a checkpoint with so many images a prompt; None where it cannot be had."""


@dataclass(frozen=True)
class Raced:
    """A race that is over.

    Attributes:
        rows: the candidates, each with the latest of its scorecards.
        finalists: ids of those that stayed to the end; None if there was no race.
        images: further images of each prompt that were drawn, over all checkpoints.
    """

    rows: list[Row]
    finalists: frozenset[str] | None
    images: int


def race(
    rows: Sequence[Row],
    look: Look,
    utility: Utility,
    *,
    evaluate: Evaluate | None = None,
    choice: ChoiceSettings | None = None,
) -> Raced:
    """Rounds as the product has them, until one has won, the rest are tied, or all images are drawn.

    A checkpoint that cannot be looked at more closely leaves: curves keep the closer looks of those that raced when
    they were made.
    """
    evaluate = evaluate or Evaluate.model_validate(EVALUATE)
    latest = {checkpoint.id: (trial, checkpoint, card) for trial, checkpoint, card in rows}
    racing, finalists, images = frozenset(latest), None, 0
    for before, level in pairwise(evaluate.levels):
        able = contenders(list(latest.values()), utility, race_settings(evaluate), choice=choice, racing=racing)
        closer = {name: card for name in able if (card := look(name, level)) is not None}
        if len(closer) < 2:
            break
        latest |= {name: (*latest[name][:2], card) for name, card in closer.items()}
        images += (level - before) * len(closer)
        racing = finalists = frozenset(closer)
    return Raced(list(latest.values()), finalists, images)


def rows_until(curves: SubjectCurves, ends: Sequence[int]) -> list[Row]:
    """The candidates of a sweep whose trials were trained to these checkpoints."""
    last = {trial.id: trial.steps[end] for trial, end in zip(curves.trials, ends, strict=True)}
    return [row for row in curves.candidates() if row[1].step <= last[row[0]]]
