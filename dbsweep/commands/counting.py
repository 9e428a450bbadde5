"""How far a command is that makes many things alike: a bar in a terminal, a line now and then elsewhere; on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from dbsweep.commands.interrupts import ended_as_by_ctrl_c
from dbsweep.commands.output import print_note, write_nowhere
from dbsweep.config.messages import counted
from dbsweep.reports.words import duration

_LINE_EVERY_S = 60.0


def standing(what: str, done: int, total: int, spent_s: float) -> str:
    """``12 of 480 pictures, about 3 h 05 min left``; the time from the first that is done on."""
    left = f", about {duration(spent_s / done * (total - done))} left" if 0 < done < total else ""
    return f"{done:,} of {counted(total, what)}{left}"


@contextmanager
def counting(what: str, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[int, int], None]]:
    """Gives what is called with how many are done and how many there are in all; its first call begins the time.

    Args:
        what: one of the things: ``picture``.
        clock: seconds, rising; replaced in tests.
    """
    from rich.progress import BarColumn, Progress, TextColumn

    from dbsweep.reports.terminal import LastingConsole

    console = LastingConsole(write_nowhere)
    begun = told = None
    bar = Progress(BarColumn(), TextColumn("{task.description}"), console=console, transient=True)
    task = bar.add_task("", total=None)
    draws = console.is_terminal and not console.is_dumb_terminal

    def count(done: int, total: int) -> None:
        nonlocal begun, told
        now = clock()
        begun = now if begun is None else begun
        text = standing(what, done, total, now - begun)
        if total and draws:
            bar.start()
            bar.update(task, description=text, completed=done, total=total, refresh=True)
        elif total and (told is None or now - told >= _LINE_EVERY_S):
            told = now
            console.print(text, highlight=False, markup=False, soft_wrap=True)

    try:
        yield count
    finally:
        if bar.live.is_started:  # it ends with a line even where it never began
            bar.stop()


@contextmanager
def making_many(what: str, stopped: str) -> Iterator[Callable[[int, int], None]]:
    """`counting`, which an interruption ends with a line and exit code 130.

    Args:
        what: one of the things: ``picture``.
        stopped: what stays then, and how it goes on.
    """
    try:
        with ended_as_by_ctrl_c(lambda: None), counting(what) as count:
            yield count
    except KeyboardInterrupt:
        print_note(f"Stopped: {stopped}")
        raise typer.Exit(130) from None
