"""How a branch tells of a long phase between two of its events: now and then, and how fast it goes."""

from __future__ import annotations

import time
from collections.abc import Callable

from dbsweep.execution.backend import Emit
from dbsweep.records.events import AtWork

INTERVAL_S = 10.0
"""A phase is told of at most this often: every report is a round trip to the driver, for which training waits."""


class Pace:
    """The pace of one branch, phase by phase: training up to a checkpoint, drawing its pictures.

    Args:
        clock: seconds, rising; replaced in tests.
    """

    def __init__(self, branch: str, emit: Emit, clock: Callable[[], float] = time.monotonic) -> None:
        self._branch = branch
        self._emit = emit
        self._clock = clock
        self.begin(0)

    def begin(self, done: int) -> None:
        """A phase begins, of whose steps or pictures so many are done."""
        self._first, self._is_first = done, True
        self._since = self._told = self._clock()

    def trained(self, step: int) -> None:
        """A step is done; the first of a phase, which also pays for what the others find made, is not timed."""
        if self._is_first:
            self._first, self._is_first, self._since = step, False, self._clock()
        elif self._is_due():
            self._emit(AtWork(branch=self._branch, step=step, per_s=self._per_s(step)))

    def drawn(self, step: int, drawn: int, to_draw: int) -> None:
        """A batch of the pictures of a checkpoint is drawn."""
        if self._is_due() and drawn < to_draw:
            per_s = self._per_s(drawn)
            self._emit(AtWork(branch=self._branch, step=step, drawn=drawn, to_draw=to_draw, per_s=per_s))

    def _is_due(self) -> bool:
        now = self._clock()
        if now - self._told < INTERVAL_S:
            return False
        self._told = now
        return True

    def _per_s(self, done: int) -> float:
        return (done - self._first) / (self._told - self._since)
