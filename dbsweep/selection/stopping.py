"""When a trial that gives nothing more is ended."""

from __future__ import annotations

from collections.abc import Sequence

from dbsweep.records.names import VerdictState
from dbsweep.records.results import Verdict


def should_stop(verdicts: Sequence[Verdict], patience: int) -> bool:
    """Whether training should end now.

    Args:
        verdicts: of every evaluated checkpoint of the path so far, oldest first.
        patience: further checkpoints that an overtrained training gets to take its verdict back; 0 ends it at once.

    Returns:
        True when the latest verdict is collapsed (weights that are NaN or noise do not come back), or when the
        latest `patience` + 1 are all overtrained.
    """
    if verdicts and verdicts[-1].state is VerdictState.COLLAPSED:
        return True
    latest = verdicts[-(patience + 1) :]
    return len(latest) == patience + 1 and all(verdict.state is VerdictState.OVERTRAINED for verdict in latest)
