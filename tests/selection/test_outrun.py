"""When one training is surely behind another."""

from __future__ import annotations

import numpy as np
import pytest

from dbsweep.config.choosing import Choosing
from dbsweep.records.names import Metric
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.selection.outrun import best_of, may_gain, surely_better
from dbsweep.selection.smoothing import Row
from dbsweep.selection.utility import Utility, utility_for
from tests.selection.curves import base_card, card, flat_card


def row(scorecard: Scorecard, epoch: int, branch: str = "b01") -> Row:
    point = Checkpoint(id=f"{branch}-{epoch}", branch=branch, step=10 * epoch, epoch=epoch, path="", sha256="", bytes=0)
    return branch, point, scorecard


def scattered(identity: float, scatter: float, samples: int = 4) -> Scorecard:
    """Half of the samples of identity lie above, half below; style and prior are whole."""
    spread = scatter * np.resize([1.0, -1.0], samples)
    whole = np.ones(max(samples, 2))
    return card("c", {Metric.IDENTITY: identity + spread, Metric.STYLE: whole, Metric.PRIOR: whole})


def test_a_training_is_worth_its_best_checkpoint() -> None:
    rows = [row(flat_card("c", level, 1.0, 1.0), epoch) for epoch, level in ((1, 0.3), (2, 0.8), (3, 0.4))]
    assert best_of(rows, Utility()).checkpoint == "b01-2"
    assert best_of(rows[:1], Utility()).utility == pytest.approx(3 / (1 / 0.3 + 1 / 0.3 + 1))


@pytest.mark.parametrize(
    ("leader", "other", "expected"),
    [
        (0.8, 0.4, True),
        (0.4, 0.8, False),
        (0.5, 0.5, False),
    ],
)
def test_what_does_not_scatter_is_sure(leader: float, other: float, expected: bool) -> None:
    first, second = (best_of([row(flat_card("c", level, 1.0, 1.0), 1)], Utility()) for level in (leader, other))
    assert surely_better(first, second, 0.0, Utility()) is expected


def test_a_lead_that_may_be_chance_is_none() -> None:
    """A lead of 0.2 of identity: against scatter of 0.02 it is sure, against 0.4 in four pictures it is not."""
    for scatter, expected in ((0.02, True), (0.4, False)):
        leader = best_of([row(scattered(0.7, 0.0), 1)], Utility())
        other = best_of([row(scattered(0.5, scatter), 1)], Utility())
        assert surely_better(leader, other, 0.0, Utility()) is expected


def test_one_picture_tells_nothing() -> None:
    leader, other = (best_of([row(scattered(level, 0.0, samples=1), 1)], Utility()) for level in (0.9, 0.1))
    assert leader > other
    assert not surely_better(leader, other, 0.0, Utility())


@pytest.mark.parametrize(("gain", "expected"), [(0.2, True), (0.3, False)])
def test_who_may_still_make_up_for_it_is_not_outrun(gain: float, expected: bool) -> None:
    """Utilities of 3 / (2/.8 + 1) = 0.857 and 3 / (2/.5 + 1) = 0.6."""
    first, second = (best_of([row(flat_card("c", level, 1.0, 1.0), 1)], Utility()) for level in (0.8, 0.5))
    assert surely_better(first, second, gain, Utility()) is expected


def test_what_may_be_made_up_for_by_chance_is_not_outrun() -> None:
    """Utilities of 0.857 and 0.6, of which the other scatters: it is surely behind, and not surely by 0.2."""
    first = best_of([row(scattered(0.8, 0.0), 1)], Utility())
    second = best_of([row(scattered(0.5, 0.05), 1)], Utility())
    assert surely_better(first, second, 0.0, Utility())
    assert not surely_better(first, second, 0.25, Utility())


def test_a_lucky_look_is_neither_the_best_nor_a_pace() -> None:
    """Identity 0.5 ± 0.3 a sample in other orders, and 0.2 of luck at the last look. As measured it is worth
    3 / (2/.7 + 1) = 0.778 where the others are worth 0.6; of the luck 0.618 are kept."""
    orders = np.array([[1, -1] * 4, [1, 1, -1, -1] * 2, [1] * 4 + [-1] * 4, [1, -1, -1, 1] * 2, [-1, 1] * 4])
    means = np.array([0.5, 0.5, 0.5, 0.5, 0.7])
    rows = [
        row(card("c", {Metric.IDENTITY: mean + 0.3 * order, Metric.STYLE: [1.0] * 8, Metric.PRIOR: [1.0] * 8}), epoch)
        for epoch, (mean, order) in enumerate(zip(means, orders, strict=True), start=1)
    ]
    assert best_of(rows, Utility()).utility == pytest.approx(3 / (2 / (0.5 + 0.618 * 0.2) + 1), abs=0.002)
    assert may_gain(rows, 10, Utility()) < 0.6 * (0.778 - 0.6) / 2 * 5


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        # Utilities of 0.143, 0.6 and 0.857 for 0.1, 0.5 and 0.8 of identity; at epoch 2, 4, ... of 10.
        ([0.5], 0.6 / 2 * 8),  # from nothing
        ([0.1, 0.5], (0.6 - 0.143) / 2 * 6),
        ([0.1, 0.5, 0.8], (0.857 - 0.143) / 4 * 4),
        ([0.1, 0.5, 0.8, 0.8], (0.857 - 0.6) / 4 * 2),
        ([0.8, 0.5, 0.1], 0.0),
        ([0.8, 0.1, 0.5], 0.0),
        ([0.8, 0.1, 0.3, 0.5], 0.0),  # (0.6 - 0.143) / 4 · 2 more than 0.6 are still less than 0.857
    ],
)
def test_what_may_be_gained_is_the_pace_of_the_last_looks_to_the_end(levels: list[float], expected: float) -> None:
    rows = [row(flat_card("c", level, 1.0, 1.0), 2 * place) for place, level in enumerate(levels, start=1)]
    assert may_gain(rows[::-1], 10, Utility()) == pytest.approx(expected, abs=0.002)


def test_what_meets_a_constraint_is_not_outrun_by_what_does_not() -> None:
    asked = utility_for(Choosing(constraints=("prior >= 0.9",)), base_card())
    likeness = best_of([row(flat_card("c", 0.9, 1.0, 0.8), 1)], asked)
    faithful = best_of([row(flat_card("c", 0.5, 1.0, 0.95), 1, "b02")], asked)
    assert likeness.utility > faithful.utility
    assert faithful > likeness
    assert not surely_better(likeness, faithful, 0.0, asked)
    first, second = (best_of([row(best.card, 1)], Utility()) for best in (likeness, faithful))
    assert surely_better(first, second, 0.0, Utility())
