"""What of an interrupted run is done and what is left, in the line that a person reads before it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbsweep.config.messages import counted
from dbsweep.execution.keeping import DONE
from dbsweep.records.names import TrialState
from dbsweep.records.results import Checkpoint
from dbsweep.records.run import RunRecord

_NAMED = 4
"""Branches that a line names."""

_AGAIN = "the steps since then are trained again"


def describe_rest(record: RunRecord, saved: Mapping[str, Checkpoint]) -> str:
    """What resuming will skip, continue and do, in one line.

    Args:
        saved: what branches saved when they were stopped between two checkpoints (`interrupted_checkpoints`).
    """
    last: dict[str, int] = {}
    for checkpoint in record.checkpoints.values():
        last[checkpoint.branch] = max(last.get(checkpoint.branch, 0), checkpoint.step)
    stopped = {each.branch: each.step for each in saved.values() if each.step >= last.get(each.branch, 0)}
    reached = last | stopped
    done = [b for b in record.plan.branches if record.branch_states[b.id] in DONE]
    left = [b for b in record.plan.branches if record.branch_states[b.id] not in DONE]
    begun = {b.id: f"{b.id} after step {reached[b.id]:,} of {b.end_step:,}" for b in left if b.id in reached}
    exact = [words for branch, words in begun.items() if branch in stopped]
    back = [words for branch, words in begun.items() if branch not in stopped]
    fresh = [b.id for b in left if b.id not in begun]
    failed = [b.id for b in left if record.branch_states[b.id] is TrialState.FAILED]
    parts = [
        f"{counted(len(done), 'branch')} done and skipped",
        *([f"{len(exact)} to continue where they were stopped{_named(exact)}"] if exact else []),
        *([f"{len(back)} to continue from the last checkpoint{_named(back)}, {_AGAIN}"] if back else []),
        *([f"{len(fresh)} to train from the start{_named(fresh)}"] if fresh else []),
        *([f"tried again although failed: {', '.join(failed[:_NAMED])}"] if failed else []),
    ]
    return f"Going on with {record.name}: {'; '.join(parts)}"


def _named(words: Sequence[str]) -> str:
    more = f" and {len(words) - _NAMED:,} more" if len(words) > _NAMED else ""
    return f" ({', '.join(words[:_NAMED])}{more})" if words else ""
