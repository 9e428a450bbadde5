"""What became of a trial, from what became of the branches that train it."""

from __future__ import annotations

from collections.abc import Mapping

from dbsweep.records.events import BranchEnded
from dbsweep.records.names import TrialState
from dbsweep.records.plan import TrialPath


def passed_segments(path: TrialPath, reached: Mapping[str, int], first: int = 0) -> int:
    """How many segments a trial has behind it, given that the first ones are."""
    passed = first
    while passed < len(path.segments):
        branch, needed = path.segments[passed]
        if reached.get(branch, -1) < needed:
            break
        passed += 1
    return passed


def trial_state(
    path: TrialPath, ended: Mapping[str, BranchEnded], reached: Mapping[str, int], passed: int = 0
) -> TrialState:
    """The state of the trial with this path.

    A trial is completed as soon as its own last step has been trained, even if its branch goes on for longer
    trials. If a branch of its path ended before the trial needed it to, the trial has that branch's state.

    Args:
        path: the branches that the trial leads through.
        ended: how each finished branch ended, by branch id.
        reached: the last checkpointed step of each branch that has begun.
        passed: segments that are known to be behind it.
    """
    passed = passed_segments(path, reached, passed)
    if passed == len(path.segments):
        return TrialState.COMPLETED
    branch = path.segments[passed][0]
    end = ended.get(branch)
    if end is None:
        return TrialState.RUNNING if branch in reached else TrialState.PENDING
    return TrialState.FAILED if end.state is TrialState.COMPLETED else end.state
