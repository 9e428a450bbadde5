"""What is known of one branch while it trains: its scorecards, and which trials follow it how far."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence

from dbsweep.records.plan import Branch, TrialPath
from dbsweep.records.results import Scorecard


class BranchBook:
    """One branch.

    Attributes:
        parent, fork_step: as of `Branch`.
        left_at: the last step, as far as is known, at which a branch that has scorecards has left this one or one of
            its descendants has; -1 where none has.
    """

    def __init__(self, branch: Branch) -> None:
        self.parent = branch.parent
        self.fork_step = branch.fork_step
        self.left_at = -1
        self._evaluated = [milestone.step for milestone in branch.milestones if milestone.evaluate]
        self._paths: Sequence[TrialPath] = ()
        self._lasts: Sequence[int] = ()
        self._steps: list[int] = []
        self._cards: dict[int, Scorecard] = {}

    def follow(self, followers: Iterable[tuple[int, TrialPath]]) -> None:
        """Says which trials lead through the branch, each with its last step on it."""
        by_last = sorted(followers, key=lambda follower: follower[0])
        self._lasts = [last for last, _ in by_last]
        self._paths = [path for _, path in by_last]

    def beyond(self, step: int, upto: int | None = None) -> Sequence[TrialPath]:
        """The trials that follow the branch further than a step, and, where it is given, not further than another."""
        end = None if upto is None else bisect_right(self._lasts, upto)
        return self._paths[bisect_right(self._lasts, step) : end]

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
