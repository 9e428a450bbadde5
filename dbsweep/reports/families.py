"""Families: trials that are the same training run read at different lengths, so that they share one film strip."""

from __future__ import annotations

from collections.abc import Mapping

from dbsweep.records.plan import Plan


def heads(plan: Plan) -> Mapping[str, str]:
    """For every trial the id of the longest trial that contains all its steps; its own id where none is longer.

    A trial is contained in another that passes at least as far through the branch on which the first ends:
    what led to that branch is the same, because stages form a tree. Equal trials go to the one planned first.
    """
    furthest: dict[str, tuple[int, int, int]] = {}
    for rank, path in enumerate(plan.paths):
        for branch, step in path.segments:
            furthest[branch] = max(furthest.get(branch, (-1, -1, 0)), (step, path.end_step, -rank))
    last_branch = {path.trial: path.segments[-1][0] for path in plan.paths}

    def head(trial: str) -> str:
        longer = plan.paths[-furthest[last_branch[trial]][2]].trial
        return trial if longer == trial else head(longer)

    return {path.trial: head(path.trial) for path in plan.paths}
