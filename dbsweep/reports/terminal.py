"""The live view of a sweep in a terminal, and the plain lines that replace it where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TypeVar

from rich.console import Console, Group
from rich.live import Live
from rich.progress import track
from rich.text import Text

from dbsweep.records.events import AtWork, BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import Metric, TrialState
from dbsweep.reports.folding import fold
from dbsweep.reports.live_table import duration, pace, render
from dbsweep.reports.progress import Progress, seconds_left
from dbsweep.reports.words import plain_number

_Item = TypeVar("_Item")

LINE_INTERVAL_S = 60.0
"""Where there is no live table, what goes on is told again this often: once a phase, and of all branches together."""


def line(event: BranchStarted | CheckpointScored | BranchEnded) -> str:
    """One event as one plain line, for logs and pipes."""
    if isinstance(event, BranchStarted):
        return f"{event.branch}: {event.after or f'started on {event.host} (pid {event.pid})'}"
    if isinstance(event, CheckpointScored):
        reached = event.checkpoint
        text = f"{reached.branch}: epoch {reached.epoch}, step {reached.step}, loss {event.log.loss:.4f}"
        if event.scorecard is not None:
            shown = (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR)
            text += "".join(f", {m} {plain_number(event.scorecard.value(m))}" for m in shown)
        return text + (f" → {event.verdict.state}" if event.verdict else "")
    return f"{event.branch}: {event.state} at step {event.last_step}" + (f" ({event.reason})" if event.reason else "")


def work_line(work: AtWork, end_step: int) -> str:
    """What a branch is at between two events, as one plain line."""
    left = duration(seconds_left(work, end_step))
    if work.to_draw:
        drawn = f"{work.drawn} of {work.to_draw} pictures drawn, {pace(work.per_s, 'picture')}"
        return f"{work.branch}: at step {work.step}, {drawn}, about {left} left"
    return f"{work.branch}: step {work.step} of {end_step}, {pace(work.per_s, 'step')}, about {left} of training left"


class LastingConsole(Console):
    """On stderr, and silent once its reader has gone, where Rich's own ends the program.

    Ctrl-C ends the `tee` behind a sweep as well, which then still has to save what it has trained.

    Args:
        when_gone: called when the reader has gone.
    """

    def __init__(self, when_gone: Callable[[], None], *, file: IO[str] | None = None) -> None:
        super().__init__(file=file, stderr=file is None)
        self._when_gone = when_gone

    def on_broken_pipe(self) -> None:
        """Called by Rich."""
        self.quiet = True
        self._when_gone()


class TerminalView:
    """Shows a sweep on stderr: a live table in a terminal that can redraw, one line an event elsewhere.

    Args:
        clock: seconds, rising; replaced in tests.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._told: dict[str, float] = {}
        self._live: Live | None = None
        self._progress: Progress | None = None
        self._phase = ""

    @property
    def _can_redraw(self) -> bool:
        """Whether lines can be written over; on a dumb terminal (TERM=dumb) a live table shows only when it ends."""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    @contextmanager
    def showing(self, progress: Progress) -> Iterator[None]:
        """Show the progress until the block ends; the last state stays on screen, and how it ended."""
        self._progress = progress
        if not self._can_redraw:
            yield
            return
        with Live(get_renderable=self._render, console=self._console, refresh_per_second=2) as self._live:
            try:
                yield
            except BaseException as error:
                progress.end("interrupted" if isinstance(error, KeyboardInterrupt) else "stopped")
                raise
            progress.end("finished")
        self._live = None

    def stopping(self) -> None:
        """Show that a request to stop has been heard: workers save what they have trained, which takes a while."""
        if self._progress is not None:
            self._progress.end("stopping: what is trained is being saved")

    def _render(self) -> Group | Text:
        """The view as large as the terminal is now."""
        if self._progress is None:
            return Text()
        return render(self._progress, max(3, self._console.height - 8), self._console.width)

    def on_event(self, event: Event) -> None:
        """Print the event where there is no live table; a branch that begins again is told in any case."""
        if isinstance(event, AtWork):
            self._on_work(event)
        elif self._live is None or (isinstance(event, BranchStarted) and event.after):
            branch = event.checkpoint.branch if isinstance(event, CheckpointScored) else event.branch
            self._told[branch] = self._clock()
            self.note(line(event))

    def _on_work(self, work: AtWork) -> None:
        """Branches that run at once share the lines, so that a log grows no faster with them."""
        if self._live is not None or self._progress is None:
            return
        running = max(1, self._progress.count(TrialState.RUNNING))
        if self._is_due(work.branch, running * LINE_INTERVAL_S):
            self.note(work_line(work, self._progress.branches[work.branch].branch.end_step))

    def on_phase(self, name: str, done: int, total: int) -> None:
        """Say what the sweep is at where there is no live table; again from time to time where it is counted."""
        if self._live is not None:
            return
        if name != self._phase:
            self._phase = name
            self._told[name] = self._clock()
            self.note(f"{name} ({total}) …" if total else f"{name} …")
        elif 0 < done < total and self._is_due(name, LINE_INTERVAL_S):
            left_s = None if self._progress is None else self._progress.phase_left_s
            left = "" if left_s is None else f", about {duration(left_s)} left"
            self.note(f"{name}: {done} of {total}{left}")

    def _is_due(self, what: str, interval_s: float) -> bool:
        """Whether nothing has been said of a phase or branch for so long; then it is said now."""
        now = self._clock()
        if now - self._told.setdefault(what, now) < interval_s:
            return False
        self._told[what] = now
        return True

    def watch(self, name: str, items: Sequence[_Item]) -> Iterator[_Item]:
        """The items one after another, before there is a live table: a bar in a terminal, a line elsewhere."""
        if self._can_redraw:
            yield from track(items, name, console=self._console, transient=True)
        else:
            self.on_phase(name, 0, len(items))
            yield from items

    def note(self, text: str) -> None:
        """A sentence for the person; one line where it goes to a file."""
        width = self._console.width if self._can_redraw else None
        self._console.print("\n".join(fold(text, width)), highlight=False, markup=False, soft_wrap=True)
