"""What an earlier attempt at a branch has left on the disk, and where to go on from."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from dbsweep.execution.branch.retention import has_state
from dbsweep.execution.folder import RunFolder
from dbsweep.models.checkpoints import CheckpointManifest, read_manifest, verify
from dbsweep.models.durable import flush
from dbsweep.records.events import CheckpointScored
from dbsweep.records.plan import Branch, Plan


class History:
    """The finished milestones of a branch; empty for a first attempt.

    Attributes:
        events: by step, those that need not be done again, in order from the first milestone on.
        start: checkpoint folder whose state training goes on from; None for the branch's own start, or if
            nothing is left to train.
    """

    def __init__(self, run: RunFolder, branch: Branch) -> None:
        self.events: dict[int, CheckpointScored] = {}
        self.start: Path | None = None
        for milestone in branch.milestones:
            event = read_event(run, branch.id, milestone.step)
            if event is None or not verify(run.checkpoint(branch.id, milestone.step)):
                break
            if milestone.fork and _is_missed(run, branch.id, milestone.step):
                break
            self.events[milestone.step] = event
        if len(self.events) < len(branch.milestones):
            self._find_start(run, branch)

    def _find_start(self, run: RunFolder, branch: Branch) -> None:
        stopped, due = run.interrupted(branch.id), branch.milestones[len(self.events)].step
        if verify(stopped) and _leads_to(due, read_manifest(stopped), since=max(self.events, default=0)):
            self.start = stopped
            return
        while self.events:
            step = max(self.events)
            folder = run.checkpoint(branch.id, step)
            if has_state(folder):
                self.start = folder
                return
            del self.events[step]  # its weights are there, but not what training needs to go on


def _leads_to(due: int, stopped: CheckpointManifest, *, since: int) -> bool:
    """Whether what a stop has saved is on the way to the milestone that is due, or at it and nothing is told of it yet.

    It lies beyond, or at a milestone that was finished, where what had been made of that milestone, or of an earlier
    one, is gone: that is made again, with the figures of its steps.
    """
    return since <= stopped.step and (stopped.step < due or (stopped.step == due and stopped.untold > 0))


def _is_missed(run: RunFolder, branch: str, step: int) -> bool:
    """Whether a fork's state was dropped and a branch that starts there must, after all, start again."""
    if has_state(run.checkpoint(branch, step)):
        return False
    plan = Plan.model_validate_json(run.plan.read_text(encoding="utf-8"))
    children = [child for child in plan.branches if (child.parent, child.fork_step) == (branch, step)]
    return any(_starts_afresh(run, child) for child in children)


def _starts_afresh(run: RunFolder, branch: Branch) -> bool:
    if stopped_file(run, branch.id).exists():
        return False
    history = History(run, branch)
    return history.start is None and len(history.events) < len(branch.milestones)


def stopped_file(run: RunFolder, branch: str) -> Path:
    """Where this file exists, a verdict has ended the branch, which needs no state to go on from."""
    return run.branch(branch) / "stopped"


def read_event(run: RunFolder, branch: str, step: int) -> CheckpointScored | None:
    """What was reported of a checkpoint; None if it was not finished."""
    try:
        return CheckpointScored.model_validate_json(run.event(branch, step).read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None


def write_event(run: RunFolder, event: CheckpointScored) -> None:
    """Marks a checkpoint as finished; it appears whole or not at all."""
    path = run.event(event.checkpoint.branch, event.checkpoint.step)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(event.model_dump_json(), encoding="utf-8")
    flush(fresh)
    os.replace(fresh, path)
