"""When a trial that gives nothing more is ended."""

from __future__ import annotations

from collections.abc import Sequence

from dbsweep.records.names import VerdictState
from dbsweep.records.results import Verdict


def should_stop(verdicts: Sequence[Verdict], patience: int, *, stop_overtrained: bool = True) -> bool:
    """Whether training should end now.

    Args:
        verdicts: of every evaluated checkpoint of the path so far, oldest first.
        patience: further checkpoints that a training gets to take its verdict back; 0 ends it at once.
        stop_overtrained: whether an overtrained training is ended too, or only a collapsed one.

    Returns:
        True when the latest `patience` + 1 verdicts all say that the training is over.
    """
    over = {VerdictState.COLLAPSED, VerdictState.OVERTRAINED} if stop_overtrained else {VerdictState.COLLAPSED}
    latest = verdicts[-(patience + 1) :]
    return len(latest) == patience + 1 and all(verdict.state in over for verdict in latest)
