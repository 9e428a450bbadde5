"""What dbsweep trains, draws and chooses on sweeps whose curves are known, by the ways in which it can be run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from benchmarks.selection_curves import SubjectCurves
from benchmarks.selection_plan import EVALUATE
from benchmarks.selection_race import Raced, race, rows_until
from benchmarks.selection_schedule import WAYS, ends_by
from dbsweep.config.choosing import Choosing
from dbsweep.config.evaluate import Evaluate
from dbsweep.records.names import BASE
from dbsweep.selection.choice import best_of
from dbsweep.selection.pick import ChoiceSettings
from dbsweep.selection.utility import utility_for

Place: TypeAlias = tuple[int, int]
"""A checkpoint: index of its trial, index in it."""

WAY: Final = "spaced"
"""The one of `selection_schedule.WAYS` that is compared with others: that of the defaults."""

NO_RACE: Final = Evaluate.model_validate({**EVALUATE, "race": {"enabled": False}})


@dataclass(frozen=True)
class Outcome:
    """One sweep, run and chosen from.

    Attributes:
        ends: index of the last checkpoint of each trial.
        place: the choice.
        look_every: checkpoints from one look to the next while trials train.
        looks: checkpoints that were looked at.
        raced: the race, and what it drew.
    """

    ends: tuple[int, ...]
    place: Place
    look_every: int
    looks: int
    raced: Raced


def outcome(
    curves: SubjectCurves,
    ends: Sequence[int],
    *,
    choice: ChoiceSettings | None = None,
    evaluate: Evaluate | None = None,
    choosing: Choosing | None = None,
    look_every: int = 1,
) -> Outcome:
    """Race and choice of the product, its defaults where nothing else is given.

    Args:
        ends: what is trained.
    """
    utility = utility_for(choosing or Choosing(), curves.base.card(BASE))
    rows = rows_until(curves, ends, utility, look_every)
    raced = race(rows, curves.closer_look, utility, evaluate=evaluate, choice=choice)
    best = best_of(raced.rows, utility=utility, settings=choice, finalists=raced.finalists)
    trial = [trial.id for trial in curves.trials].index(best.trial)
    place = (trial, curves.trials[trial].steps.index(best.step))
    return Outcome(tuple(ends), place, look_every, len(rows), raced)


def outcomes(curves: SubjectCurves) -> dict[str, Outcome]:
    """By way."""
    return {way: outcome_by(curves, way) for way in WAYS}


def outcome_by(curves: SubjectCurves, way: str) -> Outcome:
    """By one of `WAYS`."""
    return outcome(curves, ends_by(curves, WAYS[way]), look_every=WAYS[way].look_every(curves))
