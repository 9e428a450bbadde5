"""What is known of one branch: scorecards by step, whatever the order in which they come."""

from __future__ import annotations

from dbsweep.execution.simulated import make_scorecard
from dbsweep.records.names import Metric
from dbsweep.records.plan import Branch, Milestone
from dbsweep.records.results import Scorecard
from dbsweep.selection.branchbook import BranchBook
from dbsweep.selection.followers import Followers


def book() -> BranchBook:
    """Of a branch that is looked at at 10, 30 and 40, and kept at 20."""
    looked = {10: True, 20: False, 30: True, 40: True}
    milestones = tuple(
        Milestone(step=step, epoch=step // 10, evaluate=evaluate, fork=False) for step, evaluate in looked.items()
    )
    branch = Branch(
        id="b02",
        parent="b01",
        fork_step=5,
        stages=(),
        milestones=milestones,
        trials=(),
        settings={},
        text_encoder_steps=0,
    )
    return BranchBook(branch, Followers(()))


def card(name: str) -> Scorecard:
    return make_scorecard(name, {Metric.IDENTITY: 0.5})


def test_looks_are_those_that_are_planned_up_to_a_step() -> None:
    assert [book().looks(last) for last in (0, 9, 10, 29, 30, 39, 40, 99)] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_cards_stand_by_step_and_a_later_one_takes_the_place_of_an_earlier() -> None:
    branch = book()
    assert (branch.highest, branch.cards(99)) == (-1, [])
    for step, name in ((30, "c"), (10, "a"), (20, "b"), (10, "closer")):
        branch.add(step, card(name))
    assert [(step, each.checkpoint) for step, each in branch.cards(99)] == [(10, "closer"), (20, "b"), (30, "c")]
    assert [step for step, _ in branch.cards(29)] == [10, 20]
    assert [step for step, _ in branch.cards(30)] == [10, 20, 30]
    assert branch.highest == 30


def test_where_it_began_is_the_plans_and_nobody_has_left_it_yet() -> None:
    branch = book()
    assert (branch.parent, branch.fork_step, branch.left_at) == ("b01", 5, -1)
