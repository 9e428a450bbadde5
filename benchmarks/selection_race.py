"""The race of `dbsweep.sweep.racing` on sweeps whose curves are known: more images for what can still win."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from benchmarks.selection_curves import CheckpointCurve, SubjectCurves, TrialCurve, name_of
from benchmarks.selection_plan import EVALUATE
from dbsweep.config.evaluate import Evaluate
from dbsweep.records.results import Scorecard
from dbsweep.selection.late_looks import beside_the_best
from dbsweep.selection.pick import ChoiceSettings
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
        asked: closer looks that were asked for; missing: those of them that cannot be had.
    """

    rows: list[Row]
    finalists: frozenset[str] | None
    images: int
    asked: int
    missing: int


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
    racing, finalists, images, asked, missing = frozenset(latest), None, 0, 0, 0
    for before, level in pairwise(evaluate.levels):
        able = contenders(list(latest.values()), utility, race_settings(evaluate), choice=choice, racing=racing)
        closer = {name: card for name in able if (card := look(name, level)) is not None}
        asked, missing = asked + len(able), missing + len(able) - len(closer)
        if len(closer) < 2:
            break
        latest |= {name: (*latest[name][:2], card) for name, card in closer.items()}
        images += (level - before) * len(closer)
        racing = finalists = frozenset(closer)
    return Raced(list(latest.values()), finalists, images, asked, missing)


def rows_until(curves: SubjectCurves, ends: Sequence[int], utility: Utility, look_every: int = 1) -> list[Row]:
    """The candidates of a sweep whose trials were trained to these checkpoints, late looks included."""
    last = {trial.id: trial.steps[end] for trial, end in zip(curves.trials, ends, strict=True)}
    trained = [row for row in curves.candidates() if row[1].step <= last[row[0]]]
    looked_at = {name_of(t, point) for t in curves.trials for point in looks(t, look_every)}
    for _ in range(look_every if look_every > 1 else 0):
        unseen = [checkpoint for _, checkpoint, _ in trained if checkpoint.id not in looked_at]
        late = beside_the_best([row for row in trained if row[1].id in looked_at], unseen, utility)
        looked_at |= {checkpoint.id for checkpoint in late}
    return [row for row in trained if row[1].id in looked_at]


def looks(trial: TrialCurve, look_every: int) -> tuple[CheckpointCurve, ...]:
    """The checkpoints that are looked at while a trial trains: every so many, and its end."""
    last = len(trial.checkpoints) - 1
    return tuple(p for index, p in enumerate(trial.checkpoints) if (index + 1) % look_every == 0 or index == last)
