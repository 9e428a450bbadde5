"""Disk that a running sweep no longer needs is freed: the ledger knows it first, then the files go."""

from __future__ import annotations

from dbsweep.config.search import SearcherName
from dbsweep.execution.jobs import SweepJob
from dbsweep.execution.keeping import Keeping
from dbsweep.execution.ledger import Ledger
from dbsweep.models.checkpoint_files import drop_state, drop_weights
from dbsweep.records.events import Event
from dbsweep.records.plan import Plan
from dbsweep.records.results import Scorecard
from dbsweep.selection.utility import utility_for


class Housekeeping:
    """Drops weights and fork states as soon as nothing needs them.

    Args:
        job, plan, ledger: of the run.
        base: scorecard of the untrained model.
    """

    def __init__(self, job: SweepJob, plan: Plan, ledger: Ledger, base: Scorecard) -> None:
        experiment = job.experiment
        utility = utility_for(experiment.choose, base)
        # Below a storage URI the files are the workers': the driver, which decides, does not reach them.
        keep = "all" if experiment.storage is not None else experiment.checkpoints.keep

        def rank(card: Scorecard) -> tuple[float, ...]:
            return (utility.shortfall(card), -utility.value_of(card))

        self._run_folder = job.run_folder
        self._ledger = ledger
        self._keeping = Keeping(plan, None if keep == "all" else keep, rank)
        # A search that proposes points may start further branches at any fork.
        self._drops_states = experiment.storage is None and experiment.search.searcher is SearcherName.RANDOM

    def after(self, event: Event) -> None:
        """Frees what an event makes dispensable; call it when the ledger has the event."""
        free = self._keeping.record(event)
        states = free.states if self._drops_states else ()
        if not free.weights and not states:
            return
        self._ledger.drop_weights([checkpoint.id for checkpoint in free.weights])
        for drop, checkpoints in ((drop_weights, free.weights), (drop_state, states)):
            for checkpoint in checkpoints:
                drop(self._run_folder / checkpoint.path)
