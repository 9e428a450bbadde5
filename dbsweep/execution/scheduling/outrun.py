"""Branches that another one has outrun: it was better by the same epoch, by more than they may still gain."""

from __future__ import annotations

from collections import defaultdict

from dbsweep.config.figures import apart
from dbsweep.config.schema import Experiment
from dbsweep.config.search import SchedulerName
from dbsweep.execution.jobs import BranchJob
from dbsweep.plan.space import grace_epochs, longest_epochs
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.selection.outrun import Best, best_of, may_gain, surely_better
from dbsweep.selection.smoothing import Row
from dbsweep.selection.utility import utility_for


class Outrun:
    """Holds a branch, from `grace_epochs` on, against the best that any had shown by the same epoch.

    It ends where that one is ahead by more than chance. Until `catch_up` of the longest training is over, it must be
    ahead by more than the branch would make up by its end, too, if it went on as in its last looks: a gentle training
    that is late is not a poor one.

    A checkpoint that is passed over asks again, by the latest look: others may have been told of theirs by then.

    A branch stands for all trials on it and for the way to it: what was scored before its fork is its own too, so
    that branches are never told apart by what they share.

    Args:
        base: the untrained model's card, which tells what the utility is made of.
    """

    def __init__(self, experiment: Experiment, base: Scorecard) -> None:
        self._catch_up = experiment.search.catch_up
        self._grace, self._longest = grace_epochs(experiment), longest_epochs(experiment)
        self._utility = utility_for(experiment.choose, base, experiment.verdict)
        self._rows: defaultdict[str, dict[int, Row]] = defaultdict(dict)
        self._forks: dict[str, tuple[str, int]] = {}
        self._leaders: dict[int, Best] = {}  # by the epoch of a look, as it was known then

    def behind(self, job: BranchJob, checkpoint: Checkpoint, card: Scorecard | None) -> str | None:
        """What was surely better by the epoch of the branch's latest look; None if nothing was."""
        branch = job.branch
        if card is not None:
            self._rows[branch.id][checkpoint.step] = (branch.id, checkpoint, card)  # a retry tells it again
        if not self._rows[branch.id]:
            return None  # a fork is not ended by what its parent showed
        if branch.parent is not None:
            self._forks[branch.id] = (branch.parent, branch.fork_step)
        way = self._way(branch.id)
        looked = max(point.epoch for _, point, _ in way)
        own = best_of(way, self._utility)
        leader = max((best for epoch, best in self._leaders.items() if epoch <= looked), default=own)
        self._leaders[looked] = max(self._leaders.get(looked, own), own)
        if looked < self._grace or checkpoint.step >= branch.end_step:
            return None
        if any(point.id == leader.checkpoint for _, point, _ in way):
            return None
        late = looked < self._catch_up * self._longest
        gain = may_gain(way, self._longest, self._utility) if late else 0.0
        if not surely_better(leader, own, gain, self._utility):
            return None
        had, reached = apart(leader.utility, own.utility + gain, least=3)
        told = (
            f"{own.utility:.3f} by epoch {looked} and at most {reached} later"
            if late
            else f"{reached} by epoch {looked}"
        )
        return f"{SchedulerName.OUTRUN}: utility {told}, where {leader.checkpoint} had {had} already"

    def _way(self, branch: str) -> list[Row]:
        """The scored checkpoints of a branch, and of those that lead to it up to the forks."""
        rows = list(self._rows[branch].values())
        while branch in self._forks:
            branch, fork = self._forks[branch]
            rows += [row for step, row in self._rows.get(branch, {}).items() if step <= fork]
        return rows
