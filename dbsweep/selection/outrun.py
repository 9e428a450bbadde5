"""When one training is so far behind another that it need not go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from dbsweep.records.results import Scorecard
from dbsweep.selection.differences import chance_ahead
from dbsweep.selection.smoothing import Row, smoothed
from dbsweep.selection.utility import Utility

SURE: Final = 0.9
"""Share of the bootstrap's draws in which the other one must be ahead."""
LOOKS: Final = 2
"""Between which and the latest look the pace of a training is taken."""
DRAWS: Final = 1000
"""Of the bootstrap, which is asked at every look."""


@dataclass(frozen=True, slots=True, order=True)
class Best:
    """What would be chosen of a training so far; the greater of two is the better one.

    Attributes:
        unmet: how far it is from meeting the constraints, as a number that is not above 0.
        card: smoothed with its neighbours.
    """

    unmet: float
    utility: float
    checkpoint: str = field(compare=False)
    card: Scorecard = field(compare=False)


def best_of(rows: Sequence[Row], utility: Utility) -> Best:
    """The best checkpoint of a training, at least one, by scores that are smoothed along it as for the choice."""
    return max(
        Best(-utility.shortfall(card), utility.value_of(card), checkpoint.id, card)
        for _, checkpoint, card in smoothed(rows)
    )


def may_gain(rows: Sequence[Row], longest: int, utility: Utility) -> float:
    """How much more utility than its best so far a training would come to, if it went on as in its last looks.

    The pace is the mean rise of the smoothed utility over the last `LOOKS` looks, as far as there are so many, of a
    single one from the untrained model's 0. Utility rises ever more slowly, so to go on so is much to hope for.

    Args:
        rows: the checkpoints of a training that have been looked at, at least one.
        longest: epochs that it may be trained for.
    """
    points = sorted((point.epoch, utility.value_of(card)) for _, point, card in smoothed(rows))
    (before, low), (epoch, value) = points[-LOOKS - 1 :][0] if len(points) > 1 else (0, 0.0), points[-1]
    pace = (value - low) / (epoch - before)
    return max(value + pace * (longest - epoch) - max(worth for _, worth in points), 0.0)


def surely_better(leader: Best, other: Best, gain: float, utility: Utility) -> bool:
    """Whether a training's best is ahead of another's by more than a gain, and by more than chance.

    Paired samples are resampled for both, and the constraints must be met no worse. With less than two samples of a
    metric nothing is sure.
    """
    if leader.unmet < other.unmet or leader.utility <= other.utility + gain:
        return False  # spares the bootstrap
    return chance_ahead(leader.card, other.card, gain, utility, DRAWS, seed=0) > SURE
