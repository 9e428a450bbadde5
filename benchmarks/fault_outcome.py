"""What became of a sweep under fire, compared with an undisturbed one."""

from __future__ import annotations

from benchmarks.fault_kinds import Fault
from dbsweep.records.names import TrialState
from dbsweep.records.record import Record
from dbsweep.records.run import RunRecord


class Outcome(Record):
    """What became of one round.

    Attributes:
        struck: the faults that did strike.
        retrained: steps trained more than once, those of a branch that cannot succeed aside.
        allowed: one interval for each fault and branch that it interrupts.
        wrong: what differs from the undisturbed run; empty if nothing does.
    """

    struck: tuple[Fault, ...]
    retrained: int
    allowed: int
    wrong: tuple[str, ...]


def differences(record: RunRecord, truth: RunRecord, hopeless: set[str]) -> list[str]:
    """What differs where it should not."""
    lost = {p.trial for p in truth.plan.paths if hopeless & {branch for branch, _ in p.segments}}
    wrong = []
    for trial in truth.states:
        if trial in lost:
            wrong += _unexplained(record, trial, hopeless)
            continue
        if record.states[trial] is not truth.states[trial] or record.verdicts[trial] != truth.verdicts[trial]:
            wrong.append(f"{trial} is {record.states[trial]} instead of {truth.states[trial]}, or its verdict differs")
        hashes = [[(c.id, c.sha256) for c in run.checkpoints_of(trial)] for run in (record, truth)]
        if hashes[0] != hashes[1]:
            wrong.append(f"{trial} has other checkpoints or weights: {hashes[0]} instead of {hashes[1]}")
    boards = [_leaderboard(run, hopeless) for run in (record, truth)]
    if boards[0] != boards[1]:
        wrong.append(f"the leaderboard differs: {boards[0]} instead of {boards[1]}")
    return wrong


def _unexplained(record: RunRecord, trial: str, hopeless: set[str]) -> list[str]:
    reasons = [record.failures.get(branch, "") for branch in hopeless]
    if record.states[trial] is TrialState.FAILED and all(reasons):
        return []
    return [f"{trial} cannot succeed but is {record.states[trial]}, for the reasons {reasons}"]


def _leaderboard(record: RunRecord, hopeless: set[str]) -> list[tuple[str, float, float, float, float]]:
    assert record.choice is not None
    rows = [c for c in record.choice.candidates if c.checkpoint.split("-")[0] not in hopeless]
    return [(c.checkpoint, c.utility, c.identity, c.style, c.prior) for c in rows]
