"""When a trial that gives nothing more is ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dbsweep.records.names import VerdictState
from dbsweep.records.results import Verdict

FEWEST: Final = 1
"""Further looks at a collapse, whatever the patience."""


def should_stop(verdicts: Sequence[Verdict], patience: int, *, stop_overtrained: bool = True) -> bool:
    """Whether training should end now.

    Args:
        verdicts: of every evaluated checkpoint of the path so far, oldest first.
        patience: further looks that a training gets to take its verdict back; 0 ends it at once, but a collapse gets
            one at least: unlike overtraining it is told by levels of a few images, without asking about chance.
        stop_overtrained: whether an overtrained training is ended too, or only a collapsed one.

    Returns:
        True when the latest verdict and as many before it all say that the training is over.
    """
    over = {VerdictState.COLLAPSED, VerdictState.OVERTRAINED} if stop_overtrained else {VerdictState.COLLAPSED}
    collapsed = bool(verdicts) and verdicts[-1].state is VerdictState.COLLAPSED
    looks = max(patience, FEWEST) + 1 if collapsed else patience + 1
    return len(verdicts) >= looks and all(verdict.state in over for verdict in verdicts[-looks:])
