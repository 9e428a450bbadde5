"""What branches know of themselves."""

from __future__ import annotations

from tests.execution.sweeps import make_plan


def test_a_branch_ends_with_its_last_milestone_whatever_it_forks_from() -> None:
    assert [branch.end_step for branch in make_plan().branches] == [40, 40, 50]


def test_an_epoch_of_a_branch_counts_from_the_base_model() -> None:
    """Not from the fork: b03 starts at step 30 and ends at step 50, its fifth epoch."""
    plan = make_plan()
    assert [branch.steps_per_epoch for branch in plan.branches] == [plan.steps_per_epoch] * 3
