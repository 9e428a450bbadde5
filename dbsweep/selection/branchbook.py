"""What is known of one branch while it trains: its scorecards, and which trials follow it."""

from __future__ import annotations

from bisect import bisect_right, insort

from dbsweep.records.plan import Branch
from dbsweep.records.results import Scorecard
from dbsweep.selection.followers import Followers


class BranchBook:
    """One branch.

    Attributes:
        parent, fork_step: as of `Branch`.
        followers: the trials that lead through it.
        left_at: the last step, as far as is known, at which a branch that has scorecards has left this one or one of
            its descendants has; -1 where none has.
    """

    def __init__(self, branch: Branch, followers: Followers) -> None:
        self.parent = branch.parent
        self.fork_step = branch.fork_step
        self.followers = followers
        self.left_at = -1
        self._evaluated = [milestone.step for milestone in branch.milestones if milestone.evaluate]
        self._steps: list[int] = []
        self._cards: dict[int, Scorecard] = {}

    def looks(self, last: int) -> int:
        """Number of planned evaluations up to a step."""
        return bisect_right(self._evaluated, last)

    def add(self, step: int, card: Scorecard) -> None:
        """Takes in a scorecard; one of the same step is replaced."""
        if step not in self._cards:
            insort(self._steps, step)
        self._cards[step] = card

    def cards(self, last: int) -> list[tuple[int, Scorecard]]:
        """(step, scorecard) up to a step, by rising step."""
        return [(step, self._cards[step]) for step in self._steps[: bisect_right(self._steps, last)]]

    @property
    def highest(self) -> int:
        """The last step that has a scorecard; -1 where none has."""
        return self._steps[-1] if self._steps else -1
