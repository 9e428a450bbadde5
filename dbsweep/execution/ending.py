"""How a branch ends by an error: what only this branch suffers from, and what ends the sweep with it."""

from __future__ import annotations

from dbsweep.errors import ChangedError, DbsweepError, DiskError, DivergedError
from dbsweep.records.events import BranchEnded
from dbsweep.records.names import TrialState, VerdictState
from dbsweep.records.results import Verdict


def ended_by(error: DbsweepError, branch: str, last_step: int) -> BranchEnded:
    """The end of a branch that an error has broken off.

    Args:
        last_step: the last step trained.
    """
    stops_all = isinstance(error, DiskError | ChangedError)
    return BranchEnded(
        branch=branch,
        state=TrialState.INTERRUPTED if stops_all else TrialState.FAILED,
        last_step=last_step,
        reason=str(error),
        verdict=_collapsed(last_step, error) if isinstance(error, DivergedError) else None,
        out_of_disk=isinstance(error, DiskError),
        photos_changed=isinstance(error, ChangedError),
    )


def stops_all(event: BranchEnded) -> DbsweepError | None:
    """The error that ended a branch, where it would end the others too."""
    if event.out_of_disk:
        return DiskError(event.reason)
    return ChangedError(event.reason) if event.photos_changed else None


def _collapsed(last_step: int, error: DivergedError) -> Verdict:
    """The verdict on a training whose loss is no longer a number: there is nothing to draw and to score."""
    return Verdict(state=VerdictState.COLLAPSED, onset_step=last_step + 1, evidence=str(error))
