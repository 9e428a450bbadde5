"""The live view of a sweep in a terminal, and the plain lines that replace it where there is none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TypeVar

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.progress import track
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dbsweep.config.messages import counted
from dbsweep.records.events import BranchStarted, CheckpointScored, Event
from dbsweep.records.names import Metric, TrialState, VerdictState
from dbsweep.reports.progress import BranchProgress, Progress

_Item = TypeVar("_Item")

STATE_STYLES = {
    TrialState.PENDING: "dim",
    TrialState.RUNNING: "cyan",
    TrialState.COMPLETED: "green",
    TrialState.STOPPED: "yellow",
    TrialState.FAILED: "red",
    TrialState.INTERRUPTED: "magenta",
}
VERDICT_STYLES = {
    VerdictState.LEARNING: "cyan",
    VerdictState.READY: "green",
    VerdictState.OVERTRAINED: "yellow",
    VerdictState.UNDERTRAINED: "dim",
    VerdictState.COLLAPSED: "red",
}
ORDER = (TrialState.RUNNING, TrialState.FAILED, TrialState.STOPPED, TrialState.COMPLETED, TrialState.PENDING)
GAP = 2
"""Spaces between two columns."""

SHORT = {
    "learning_rate": "lr",
    "epochs": "epochs",
    "class_images_per_instance": "class",
    "text_encoder_ratio": "te",
}


def duration(seconds: float) -> str:
    """``75`` → ``1:15``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def describe(settings: dict[str, bool | int | float | str]) -> str:
    """``lr 0.0003 · epochs 30 · class 4 · te 0.5``; further settings by their full names."""
    return " · ".join(
        f"{SHORT.get(name, name)} {value:g}" if isinstance(value, float) else f"{SHORT.get(name, name)} {value}"
        for name, value in settings.items()
    )


def _cells(progress: BranchProgress, swept: Collection[str]) -> dict[str, Text | str]:
    """A branch's row by column; settings are those in which branches differ."""

    def score(metric: Metric) -> str:
        value = progress.scores.get(metric)
        return "" if value is None else f"{value:.2f}"

    verdict, utility, branch = progress.verdict, progress.utility, progress.branch
    reached = "–" if progress.state is TrialState.PENDING else f"{progress.step:,}"
    return {
        "branch": branch.id,
        "state": Text(progress.state, style=STATE_STYLES[progress.state]),
        "settings": describe({name: value for name, value in branch.settings.items() if name in swept}),
        "step": f"{reached}/{branch.end_step:,}",
        "identity": score(Metric.IDENTITY),
        "style": score(Metric.STYLE),
        "prior": score(Metric.PRIOR),
        "utility": "" if utility is None else f"{utility:.2f}",
        "verdict": Text(verdict.state, style=VERDICT_STYLES[verdict.state]) if verdict else "",
    }


LEFT = ("branch", "state", "settings", "verdict")
"""Columns of words; the others are numbers."""

OPTIONAL = ("prior", "style", "identity", "state")
"""Columns that a narrow terminal goes without, the first one first; the utility sums the scores up."""

SETTINGS_WIDTH = 24
"""Characters of the settings for which columns are left out; what is longer is cut where the terminal ends."""


def render(progress: Progress, max_rows: int, width: int) -> Group:
    """The whole view as one renderable.

    Args:
        progress: the counts.
        max_rows: most branches to list: running ones first, then the ended ones, best first; the rest is counted.
        width: characters of a line.
    """
    rows = sorted(progress.branches.values(), key=_rank)
    hidden = len(rows) - max_rows
    return Group(
        _headline(progress),
        # A grid of its own, because the bar alone does not end its line.
        Columns([ProgressBar(total=1.0, completed=progress.fraction, width=min(60, width))]),
        _table([_cells(row, progress.swept) for row in rows[:max_rows]], width),
        Text(f"… {hidden:,} more" if hidden > 0 else "", style="dim"),
    )


def _rank(row: BranchProgress) -> tuple[int, float]:
    return (ORDER.index(row.state) if row.state in ORDER else 0, -(row.utility or 0.0))


def _table(rows: Sequence[dict[str, Text | str]], width: int) -> Table:
    """As many columns as fit; the settings have what the others leave."""
    needs = {name: max([len(name), *(len(row[name]) for row in rows)]) for name in (rows[0] if rows else ())}
    columns = list(needs)

    def room() -> int:
        return width - sum(needs[name] + GAP for name in columns if name != "settings")

    for name in OPTIONAL:
        if columns and room() < min(needs["settings"], SETTINGS_WIDTH):
            columns.remove(name)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold", expand=False)
    for name in columns:
        most = max(room(), 1) if name == "settings" else None
        table.add_column(name, no_wrap=True, max_width=most, justify="left" if name in LEFT else "right")
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    return table


def _headline(progress: Progress) -> Text:
    plan = progress.plan
    phase = progress.phase
    if progress.phase_total:
        phase += f" {progress.phase_done}/{progress.phase_total}"
    counts = ", ".join(f"{progress.count(s)} {s}" for s in TrialState if progress.count(s))
    left = "" if progress.eta_s is None else f" · left about {duration(progress.eta_s)}"
    return Text(
        f"{phase} · {counted(len(plan.trials), 'trial')} on {counted(len(plan.branches), 'branch')} ({counts}) · "
        f"elapsed {duration(progress.elapsed_s)}{left}"
    )


def line(event: Event) -> str:
    """One event as one plain line, for logs and pipes."""
    if isinstance(event, BranchStarted):
        return f"{event.branch}: {event.after or f'started on {event.host} (pid {event.pid})'}"
    if isinstance(event, CheckpointScored):
        reached = event.checkpoint
        text = f"{reached.branch}: epoch {reached.epoch}, step {reached.step}, loss {event.log.loss:.4f}"
        if event.scorecard is not None:
            shown = (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR)
            text += "".join(f", {m} {event.scorecard.value(m):.2f}" for m in shown)
        return text + (f" → {event.verdict.state}" if event.verdict else "")
    return f"{event.branch}: {event.state} at step {event.last_step}" + (f" ({event.reason})" if event.reason else "")


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
    """Shows a sweep on stderr: a live table in a terminal that can redraw, one line an event elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._progress: Progress | None = None
        self._phase = ""

    @property
    def _can_redraw(self) -> bool:
        """Whether lines can be written over; on a dumb terminal (TERM=dumb) a live table shows only when it ends."""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    @contextmanager
    def showing(self, progress: Progress) -> Iterator[None]:
        """Show the progress until the block ends; the last state stays on screen."""
        self._progress = progress
        if not self._can_redraw:
            yield
            return
        with Live(get_renderable=self._render, console=self._console, refresh_per_second=2) as self._live:
            yield
        self._live = None

    def _render(self) -> Group | Text:
        """The view as large as the terminal is now."""
        if self._progress is None:
            return Text()
        return render(self._progress, max(3, self._console.height - 8), self._console.width)

    def on_event(self, event: Event) -> None:
        """Print the event where there is no live table; a branch that begins again is told in any case."""
        if self._live is None or (isinstance(event, BranchStarted) and event.after):
            self._console.print(line(event), highlight=False, markup=False, soft_wrap=True)

    def on_phase(self, name: str, done: int, total: int) -> None:
        """Say what the sweep is at where there is no live table; at most once a phase."""
        if self._live is None and name != self._phase:
            self._phase = name
            count = f" ({total})" if total else ""
            self._console.print(f"{name}{count} …", highlight=False, markup=False)

    def watch(self, name: str, items: Sequence[_Item]) -> Iterator[_Item]:
        """The items one after another, before there is a live table: a bar in a terminal, a line elsewhere."""
        if self._can_redraw:
            yield from track(items, name, console=self._console, transient=True)
        else:
            self.on_phase(name, 0, len(items))
            yield from items

    def note(self, text: str) -> None:
        """A sentence for the person."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
