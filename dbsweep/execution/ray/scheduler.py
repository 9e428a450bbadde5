"""Who ends branches, in Ray Tune's terms: a scheduler."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from dbsweep.execution.ray.searcher import BranchSearcher, events_in
from dbsweep.execution.scheduling.comparison import Ending
from dbsweep.execution.scheduling.queue import BranchQueue
from dbsweep.records.events import CheckpointScored


class BranchScheduler(FIFOScheduler):  # type: ignore[misc]
    """Brings the decisions to Tune, which ends the worker's function where it has reported.

    Attributes:
        ended: branch id → why it has been ended.
    """

    def __init__(self, ending: Ending | None, queue: BranchQueue, searcher: BranchSearcher) -> None:
        super().__init__()
        self._ending = ending
        self._queue = queue
        self._searcher = searcher
        self.ended: dict[str, str] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles itself for a `Tuner.restore` that we never call; queues and threads do not belong there.
        return {}

    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:  # noqa: ANN401
        """Go on, or stop the trial."""
        for event in events_in(result) if self._ending is not None else ():
            if isinstance(event, CheckpointScored) and self._ends(self._searcher.branch_of[trial.trial_id], event):
                return str(TrialScheduler.STOP)
        return str(TrialScheduler.CONTINUE)

    def _ends(self, branch: str, event: CheckpointScored) -> bool:
        reason = self._ending.end(self._queue.job(branch), event) if self._ending is not None else None
        if reason is not None:
            self.ended[branch] = reason
            self._queue.halt(branch)
        return reason is not None
