"""Which trials follow a branch how far, so that an event need not look at those that have left it."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from dbsweep.records.plan import Plan, TrialPath


class Followers:
    """The trials whose path leads through one branch.

    Args:
        paths: each with its last step on the branch.
    """

    def __init__(self, paths: Iterable[tuple[int, TrialPath]]) -> None:
        by_last = sorted(paths, key=lambda pair: pair[0])
        self._lasts: Sequence[int] = [last for last, _ in by_last]
        self._paths: Sequence[TrialPath] = [path for _, path in by_last]

    def beyond(self, step: int, upto: int | None = None) -> Sequence[TrialPath]:
        """The trials that follow the branch further than a step, and, where it is given, not further than another."""
        end = None if upto is None else bisect_right(self._lasts, upto)
        return self._paths[bisect_right(self._lasts, step) : end]


def followers_of(plan: Plan) -> dict[str, Followers]:
    """By branch id; every branch of the plan has an entry."""
    found: defaultdict[str, list[tuple[int, TrialPath]]] = defaultdict(list)
    for path in plan.paths:
        for branch, last in path.segments:
            found[branch].append((last, path))
    return {branch.id: Followers(found[branch.id]) for branch in plan.branches}
