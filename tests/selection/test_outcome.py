"""Tests of what became of a trial."""

from __future__ import annotations

import pytest

from dbsweep.records.events import BranchEnded
from dbsweep.records.names import TrialState
from dbsweep.records.plan import TrialPath
from dbsweep.selection.outcome import trial_state

# t1 ends on the trunk b01 at step 10, t2 follows the trunk to 20, t3 leaves it at 10 for b02 and ends at 30.
PATHS = (
    TrialPath(trial="t1", segments=(("b01", 10),), end_step=10),
    TrialPath(trial="t2", segments=(("b01", 20),), end_step=20),
    TrialPath(trial="t3", segments=(("b01", 10), ("b02", 30)), end_step=30),
)


def ended(branch: str, state: TrialState, step: int) -> dict[str, BranchEnded]:
    return {branch: BranchEnded(branch=branch, state=state, last_step=step)}


@pytest.mark.parametrize(
    ("ends", "reached", "expected"),
    [
        ({}, {}, "pending pending pending"),
        ({}, {"b01": 0}, "running running running"),
        ({}, {"b01": 10}, "completed running pending"),
        ({}, {"b01": 20, "b02": 10}, "completed completed running"),
        (ended("b01", TrialState.STOPPED, 10), {"b01": 10}, "completed stopped pending"),
        (ended("b01", TrialState.FAILED, 5), {"b01": 5}, "failed failed failed"),
        (ended("b02", TrialState.STOPPED, 10), {"b01": 20}, "completed completed stopped"),
        (ended("b02", TrialState.INTERRUPTED, 20), {"b01": 20, "b02": 20}, "completed completed interrupted"),
        (ended("b02", TrialState.COMPLETED, 30), {"b01": 20, "b02": 30}, "completed completed completed"),
    ],
)
def test_a_trial_is_done_when_its_own_last_step_is(ends, reached, expected):
    assert " ".join(trial_state(path, ends, reached) for path in PATHS) == expected


def test_a_branch_that_claims_completion_without_the_step_is_a_failure():
    assert trial_state(PATHS[1], ended("b01", TrialState.COMPLETED, 20), {"b01": 10}) is TrialState.FAILED
