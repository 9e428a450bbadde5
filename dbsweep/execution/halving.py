"""Ray Tune's ASHA over branches: its rungs are epochs, its metric is the utility that the choice uses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from dbsweep.config.schema import Experiment
from dbsweep.execution.jobs import HALVED, BranchJob
from dbsweep.execution.queue import BranchQueue
from dbsweep.execution.searcher import BranchSearcher, events_in
from dbsweep.plan.space import longest_epochs
from dbsweep.records.events import CheckpointScored
from dbsweep.records.results import Scorecard
from dbsweep.selection.utility import utility_for


class Halving:
    """Decides after each scorecard whether a branch goes on.

    A branch stands for all trials on it. What it inherits was compared as its parent's, so it is compared at the
    rungs after its fork alone. What was decided before an interruption stands.

    Args:
        base: the untrained model's card, which tells what the utility is made of.
    """

    def __init__(self, experiment: Experiment, base: Scorecard) -> None:
        search, longest = experiment.search, longest_epochs(experiment)
        self._factor = search.reduction_factor
        self._grace = min(search.grace_epochs, longest)
        self._utility = utility_for(experiment.choose, base)
        self._asha = ASHAScheduler(
            time_attr="epoch",
            metric="utility",
            mode="max",
            max_t=longest,
            grace_period=self._grace,
            reduction_factor=self._factor,
            stop_last_trials=False,
        )
        self._added: set[str] = set()

    def end(self, job: BranchJob, event: CheckpointScored) -> str | None:
        """Why the branch ends at this checkpoint; None if it goes on."""
        step = event.checkpoint.step
        if event.scorecard is None or step >= job.branch.end_step:
            return None
        reason = self._compare(job, event.checkpoint.epoch, self._utility.value_of(event.scorecard))
        if job.decided is not None and step <= job.decided.until:
            return job.decided.reason if step == job.decided.until and job.decided.reason else None
        return reason

    def _compare(self, job: BranchJob, epoch: int, utility: float) -> str | None:
        branch = job.branch
        if self._rungs(epoch) <= self._rungs(branch.fork_step // branch.steps_per_epoch):
            return None
        trial = SimpleNamespace(trial_id=branch.id)  # the id is all that ASHA reads of a trial
        if branch.id not in self._added:
            self._added.add(branch.id)
            self._asha.on_trial_add(None, trial)
        decision = self._asha.on_trial_result(None, trial, {"epoch": epoch, "utility": utility})
        if decision != TrialScheduler.STOP:
            return None
        return f"{HALVED}: utility {utility:.3f} at epoch {epoch} is not in the best 1/{self._factor:g} so far"

    def _rungs(self, epoch: int) -> int:
        """Number of rungs at or before an epoch."""
        rungs, at = 0, float(self._grace)
        while at <= epoch:
            rungs, at = rungs + 1, at * self._factor
        return rungs


class BranchScheduler(FIFOScheduler):  # type: ignore[misc]
    """Brings the decisions to Tune, which ends the worker's function where it has reported.

    Attributes:
        ended: branch id → why it has been ended.
    """

    def __init__(self, halving: Halving | None, queue: BranchQueue, searcher: BranchSearcher) -> None:
        super().__init__()
        self._halving = halving
        self._queue = queue
        self._searcher = searcher
        self.ended: dict[str, str] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles itself for a `Tuner.restore` that we never call; queues and threads do not belong there.
        return {}

    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:  # noqa: ANN401
        """Go on, or stop the trial."""
        for event in events_in(result) if self._halving is not None else ():
            if isinstance(event, CheckpointScored) and self._ends(self._searcher.branch_of[trial.trial_id], event):
                return str(TrialScheduler.STOP)
        return str(TrialScheduler.CONTINUE)

    def _ends(self, branch: str, event: CheckpointScored) -> bool:
        reason = self._halving.end(self._queue.job(branch), event) if self._halving is not None else None
        if reason is not None:
            self.ended[branch] = reason
            self._queue.halt(branch)
        return reason is not None
