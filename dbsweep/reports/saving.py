"""What ending trainings early has saved."""

from __future__ import annotations

from dbsweep.records.names import TrialState
from dbsweep.records.run import RunRecord


def steps_saved(record: RunRecord) -> int:
    """Optimizer steps of the plan that nobody trained, because a verdict or the scheduler ended a branch.

    Branches that would have started behind such an end are stopped with it and count whole.
    """
    reached: dict[str, int] = {}
    for checkpoint in record.checkpoints.values():
        reached[checkpoint.branch] = max(reached.get(checkpoint.branch, 0), checkpoint.step)
    return sum(
        branch.end_step - max(reached.get(branch.id, 0), branch.fork_step)
        for branch in record.plan.branches
        if record.branch_states[branch.id] is TrialState.STOPPED
    )


def saving_sentence(record: RunRecord) -> str:
    """``Ending trials early saved 120 of 480 optimizer steps (25%).``; empty where nothing was saved."""
    saved, planned = steps_saved(record), record.plan.cost.steps_shared
    if saved == 0:
        return ""
    return f"Ending trials early saved {saved:,} of {planned:,} optimizer steps ({saved / planned:.0%})."
