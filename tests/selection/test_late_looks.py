"""What lies beside the best checkpoints and has not been looked at."""

from __future__ import annotations

import math

from dbsweep.execution.simulated import make_scorecard
from dbsweep.records.names import Metric
from dbsweep.records.results import Checkpoint
from dbsweep.selection.late_looks import beside_the_best
from dbsweep.selection.smoothing import Row
from dbsweep.selection.utility import Utility


def checkpoint(branch: str, step: int, *, kept: bool = True) -> Checkpoint:
    name = f"{branch}-{step:06d}"
    return Checkpoint(id=name, branch=branch, step=step, epoch=step, path=name, sha256="", bytes=0, kept=kept)


def row(branch: str, step: int, level: float, *, kept: bool = True) -> Row:
    point = checkpoint(branch, step, kept=kept)
    return (f"t{branch}", point, make_scorecard(point.id, dict.fromkeys(Metric, level)))


def late(rows: list[Row], *unseen: Checkpoint) -> set[str]:
    return {each.id for each in beside_the_best(rows, unseen, Utility())}


def test_both_sides_of_the_two_best_are_looked_at_and_nothing_else() -> None:
    rows = [row("a", 2, 0.3), row("a", 4, 0.8), row("a", 6, 0.4), row("b", 2, 0.7), row("b", 4, 0.2), row("c", 2, 0.1)]
    unseen = [checkpoint(branch, step) for branch in "abc" for step in (1, 3, 5)]
    assert late(rows, *unseen) == {"a-000003", "a-000005", "b-000001", "b-000003"}
    assert late([row("a", 2, 0.8), row("b", 2, 0.3)], checkpoint("a", 3)) == {"a-000003"}  # the very first is the best


def test_neighbours_that_have_been_seen_are_no_reason_to_look_beyond_them() -> None:
    rows = [row("a", step, level) for step, level in ((2, 0.3), (3, 0.5), (4, 0.8), (5, 0.6), (6, 0.4))]
    assert late(rows, checkpoint("a", 1), checkpoint("a", 7)) == set()


def test_of_several_in_a_row_the_next_one_is_looked_at() -> None:
    unseen = [checkpoint("a", step) for step in (1, 2, 4, 5)]
    assert late([row("a", 3, 0.8), row("a", 6, 0.1)], *unseen) == {"a-000002", "a-000004", "a-000005"}


def test_a_branch_of_another_name_is_no_neighbour() -> None:
    assert late([row("b", 2, 0.8)], checkpoint("a", 9), checkpoint("c", 1)) == set()


def test_nothing_is_beside_what_cannot_be_chosen() -> None:
    dropped, nan = row("a", 2, 0.9, kept=False), row("b", 2, math.nan)
    unseen = [checkpoint(branch, 3) for branch in "abc"]
    assert late([dropped, nan, row("c", 2, 0.4)], *unseen) == {"c-000003"}
    assert late([dropped], *unseen) == set()
    assert late([row("c", 2, 0.4)]) == set()
    assert beside_the_best([row("c", 2, 0.4)], unseen, Utility(weights={})) == ()
