"""Asynchronous successive halving over branches: rungs of epochs, and the utility that the choice uses."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from dbsweep.config.schema import Experiment
from dbsweep.config.search import SchedulerName
from dbsweep.execution.jobs import BranchJob
from dbsweep.plan.space import grace_epochs, longest_epochs, rungs_of
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.selection.smoothing import Row, smoothed
from dbsweep.selection.utility import utility_for


class Halving:
    """Holds branches against each other at rungs.

    As in ASHA (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning") there are rungs of epochs, each
    `reduction_factor` times the one before, and a branch goes on that is among the best 1 / `reduction_factor` of those
    that have reached its rung so far. Two things differ. A branch is worth its best checkpoint so far, not its latest,
    because that is the one which would be chosen, and its scores are smoothed along the training as for the choice. And
    at every later checkpoint it is held against the latest rung that others have reached too, so that who came first to
    a rung is ended when others have outrun it there.

    A branch stands for all trials on it. What it inherits was compared as its parent's, so it is compared at the
    rungs after its fork alone.

    Args:
        base: the untrained model's card, which tells what the utility is made of.
    """

    def __init__(self, experiment: Experiment, base: Scorecard) -> None:
        longest = longest_epochs(experiment)
        self._factor = experiment.search.reduction_factor
        self._rungs = rungs_of(min(grace_epochs(experiment), longest), self._factor, longest)
        self._utility = utility_for(experiment.choose, base, experiment.verdict)
        self._rows: defaultdict[str, dict[int, Row]] = defaultdict(dict)
        self._reached: defaultdict[float, dict[str, float]] = defaultdict(dict)

    def behind(self, job: BranchJob, checkpoint: Checkpoint, card: Scorecard | None) -> str | None:
        """At which rung the branch is not among the best so far; None if it is, and where it is not looked at."""
        if card is None:
            return None
        branch = job.branch
        self._rows[branch.id][checkpoint.step] = (branch.id, checkpoint, card)  # a retry tells it again
        forked = branch.fork_step // branch.steps_per_epoch
        passed = [rung for rung in self._rungs if forked < rung <= checkpoint.epoch]
        if not passed:
            return None
        best = max(self._utility.value_of(each) for _, _, each in smoothed(list(self._rows[branch.id].values())))
        for rung in passed:
            self._reached[rung].setdefault(branch.id, best)
        rung = max((rung for rung in passed if len(self._reached[rung]) > 1), default=passed[0])
        there = self._reached[rung]
        if there[branch.id] >= np.quantile(list(there.values()), 1.0 - 1.0 / self._factor):
            return None
        place = f"is not in the best 1/{self._factor:g} so far"
        return f"{SchedulerName.ASHA}: utility {there[branch.id]:.3f} up to epoch {rung:g} {place}"
