"""The training states that checkpoints still hold, and letting go of those that nobody will go on from."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dbsweep.execution.folder import RunFolder
from dbsweep.models.checkpoint_files import TREE, drop_state
from dbsweep.models.checkpoints import read_manifest
from dbsweep.records.plan import Branch, Milestone


def has_state(folder: Path) -> bool:
    """Whether training can go on from a checkpoint; ModelError if it is none."""
    return TREE in read_manifest(folder).files


class ResumeStates:
    """The states of a branch's checkpoints that only a resumption of this very branch needs.

    Those at forks are for other branches, and the driver's to drop. A branch ends without any.

    Args:
        finished: steps of the checkpoints that an earlier attempt has left.
    """

    def __init__(self, run: RunFolder, branch: Branch, finished: Collection[int]) -> None:
        self._run = run
        self._branch = branch
        before = [self._folder(milestone) for milestone in branch.milestones if milestone.step in finished]
        self._oldest_first = [folder for folder in before if folder is not None and has_state(folder)]

    def add(self, milestone: Milestone) -> None:
        """Notes that the milestone's checkpoint has been finished."""
        folder = self._folder(milestone)
        if folder is not None and milestone.step < self._branch.end_step:
            self._oldest_first.append(folder)

    def drop(self, *, keep: int) -> None:
        """Drops all but the latest ones."""
        while len(self._oldest_first) > keep:
            drop_state(self._oldest_first.pop(0))

    def _folder(self, milestone: Milestone) -> Path | None:
        return None if milestone.fork else self._run.checkpoint(self._branch.id, milestone.step)
