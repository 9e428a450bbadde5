"""How commands that take long are ended."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from dbsweep.commands.output import write_nowhere

_ENDINGS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""With what batch systems and containers end a process, and what a terminal sends that goes away (not on Windows)."""


def _interrupt(heard: Callable[[], None], number: int) -> NoReturn:
    """As Ctrl-C, which is told; the other signals count once.

    `timeout` and others send them twice, which is no wish to leave the workers alone, as a second Ctrl-C is.
    """
    heard()
    if number in _ENDINGS:
        for ending in _ENDINGS:
            signal.signal(ending, signal.SIG_IGN)
    if number == signal.SIGHUP:
        write_nowhere()
    raise KeyboardInterrupt


@contextmanager
def ended_as_by_ctrl_c(heard: Callable[[], None]) -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP end what is done as Ctrl-C does, by KeyboardInterrupt, so that it is ended well.

    Under `nohup`, where SIGHUP is ignored, it goes on.

    Args:
        heard: called at once, within the handler of the signal.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDINGS)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, lambda number, _: _interrupt(heard, number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
