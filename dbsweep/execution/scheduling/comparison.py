"""Who ends a branch that others are better than: one comparison of the sweep's branches, in both back ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from dbsweep.config.schema import Experiment
from dbsweep.config.search import SchedulerName
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.scheduling.halving import Halving
from dbsweep.execution.scheduling.outrun import Outrun
from dbsweep.records.events import CheckpointScored
from dbsweep.records.results import Checkpoint, Scorecard


class Comparison(Protocol):
    """Holds branches against each other."""

    def behind(self, job: BranchJob, checkpoint: Checkpoint, card: Scorecard | None) -> str | None:
        """Takes in the latest scorecard of a branch, if it was looked at; why the branch need not go on, or None."""
        ...


COMPARISONS: Final[Mapping[SchedulerName, Callable[[Experiment, Scorecard], Comparison]]] = {
    SchedulerName.OUTRUN: Outrun,
    SchedulerName.ASHA: Halving,
}


class Ending:
    """Decides at each checkpoint whether a branch goes on. What was decided before an interruption stands.

    Args:
        base: the untrained model's card, which tells what the utility is made of.
    """

    def __init__(self, experiment: Experiment, base: Scorecard) -> None:
        self._comparison = COMPARISONS[experiment.search.scheduler](experiment, base)

    def end(self, job: BranchJob, event: CheckpointScored) -> str | None:
        """Why the branch ends at this checkpoint; None if it goes on."""
        step = event.checkpoint.step
        reason = self._comparison.behind(job, event.checkpoint, event.scorecard)
        if step >= job.branch.end_step:
            return None
        if job.decided is not None and step <= job.decided.until:
            return job.decided.reason if step == job.decided.until and job.decided.reason else None
        return reason
