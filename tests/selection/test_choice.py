"""The recommended checkpoint of a sweep: what is compared, what the race has left, and when there is none."""

from __future__ import annotations

from typing import Any

import pytest

from dbsweep.config.choosing import Choosing, Weights
from dbsweep.errors import RunError
from dbsweep.records.names import BASE, Metric
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.selection.choice import best_of, choose
from dbsweep.selection.race import RaceSettings, contenders
from dbsweep.selection.utility import Utility, utility_for
from tests.selection.curves import NAN, flat_card
from tests.selection.entrants import FAST, candidate, close, noisy


def test_what_was_dropped_tells_of_its_neighbours_and_is_not_chosen() -> None:
    """Five checkpoints of which the best three by their scores as measured are kept, as `checkpoints.keep: 3` does."""
    rows = noisy(
        "b01", [(0.5, 0.9, 0.9), (0.6, 0.9, 0.9), (0.7, 0.8, 0.8), (0.7, 0.6, 0.6), (0.7, 0.4, 0.4)], scatter=0.3
    )
    whole = {row.checkpoint: row for row in choose(rows, settings=FAST).candidates}
    best = {row[1].id for row in sorted(rows, key=lambda row: Utility().value_of(row[2]))[-3:]}
    dropped = [(trial, at.model_copy(update={"kept": at.id in best}), scored) for trial, at, scored in rows]
    choice = choose(dropped, settings=FAST)
    assert {row.checkpoint for row in choice.candidates} == best
    assert all(row.utility == whole[row.checkpoint].utility for row in choice.candidates)
    assert set(contenders(dropped, Utility(), RaceSettings(tie=0.0, resamples=2000))) == best


def test_the_best_alone_is_the_same_without_reasons() -> None:
    """By default the last, an earlier one by wider settings, and what the race has left of them."""
    rows, limited = close(0.05), utility_for(Choosing(constraints=("style >= 0.5",)), None)
    asked: list[dict[str, Any]] = [{}, {"settings": FAST}, {"finalists": {rows[0][1].id}}, {"utility": limited}]
    found = [best_of(rows, **given) for given in asked]
    assert found == [choose(rows, **given).best for given in asked]
    assert {row.checkpoint for row in found} == {at.id for _, at, _ in rows}


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ([], "no checkpoint of this run has scores that are numbers"),
        (
            [candidate("t001", "b01", 100, NAN, NAN, NAN)],
            "of 1 scored checkpoint none has scores that are numbers",
        ),
        (
            [candidate("t001", "b01", 100, NAN, 1.0, 1.0), candidate("t001", "b01", 200, 1.0, NAN, 1.0)],
            "of 2 scored checkpoints none has scores",
        ),
    ],
)
def test_nothing_to_choose_is_an_error(candidates: list[tuple[str, Checkpoint, Scorecard]], message: str) -> None:
    for ask in (choose, best_of):
        with pytest.raises(RunError, match=message):
            ask(candidates)


def test_nothing_that_counts_can_be_measured() -> None:
    """The images are sound: it is the base model that does not know the style, and style alone was to count."""
    style_alone = Choosing(weights=Weights(identity=0.0, prior=0.0), constraints=("diversity >= 0.5",))
    with pytest.raises(RunError, match=r"^style cannot be measured with this base model and encoder, and nothing else"):
        choose(
            [candidate("t001", "b01", 100, 0.8, NAN, 0.8)],
            utility=utility_for(style_alone, flat_card(BASE, 0.0, NAN, 1.0)),
        )


def test_what_the_race_has_left_behind_is_not_compared_with_the_choice() -> None:
    """t001 looks best on its few images: 3/(1/.6 + 1/.57 + 1/.95) = 0.67; it wins without any change of weight."""
    rows = [
        candidate("t001", "b01", 100, 0.6, 0.95, 0.95),
        candidate("t002", "b02", 100, 0.7, 0.7, 0.7),
        candidate("t003", "b03", 100, 0.5, 0.5, 0.5),
        candidate("t004", "b04", 100, 0.9, 0.4, 0.9),
    ]
    raced = frozenset({"b02-000100", "b03-000100"})
    limited = utility_for(Choosing(enough_style=1.0, constraints=("prior >= 0.1",)), None)
    choice = choose(rows, finalists=raced, utility=limited)
    assert (choice.best.trial, choice.candidates[1].trial) == ("t002", "t003")
    assert "That is the highest of 2 finalists of the race" in choice.reason
    # Identity twice: t001 has 4/(2/.6 + 1/.57 + 1/.95) = 0.651; t004, also left, 4/(2/.9 + 1/.36 + 1/.9) = 0.655.
    assert [(each.metric, each.factor, each.best.trial) for each in choice.sensitivity] == [
        (Metric.IDENTITY, 2.0, "t004"),
        (Metric.STYLE, 0.25, "t004"),
    ]
    assert not any(sentence.startswith("Without the constraints") for sentence in choice.changes)
