"""The live view of a sweep in a terminal, and the plain lines that replace it where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dbsweep.records import BranchStarted, CheckpointScored, Event, Metric, TrialState, VerdictState
from dbsweep.reports.progress import BranchProgress, Progress

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
SHORT = {
    "learning_rate": "lr",
    "epochs": "epochs",
    "class_images_per_instance": "class",
    "text_encoder_ratio": "te",
}


def duration(seconds: float | None) -> str:
    """``75`` → ``1:15``; None → ``–``."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def describe(settings: dict[str, bool | int | float | str]) -> str:
    """``lr 0.0003 · epochs 30 · class 4 · te 0.5``; further settings by their full names."""
    return " · ".join(
        f"{SHORT.get(name, name)} {value:g}" if isinstance(value, float) else f"{SHORT.get(name, name)} {value}"
        for name, value in settings.items()
    )


def _row(progress: BranchProgress) -> list[Text | str]:
    def score(metric: Metric) -> str:
        value = progress.scores.get(metric)
        return "" if value is None else f"{value:.2f}"

    verdict = progress.verdict
    utility = progress.utility
    return [
        progress.branch.id,
        Text(progress.state, style=STATE_STYLES[progress.state]),
        describe(progress.branch.settings),
        f"{progress.step}/{progress.branch.end_step}",
        score(Metric.IDENTITY),
        score(Metric.STYLE),
        score(Metric.PRIOR),
        "" if utility is None else f"{utility:.2f}",
        Text(verdict.state, style=VERDICT_STYLES[verdict.state]) if verdict else "",
    ]


def render(progress: Progress, max_rows: int) -> Group:
    """The whole view as one renderable.

    Args:
        progress: the counts.
        max_rows: most branches to list; running ones come first, the rest is counted in a line.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for name in ("branch", "state", "settings", "step", "identity", "style", "prior", "utility", "verdict"):
        table.add_column(
            name, no_wrap=True, justify="left" if name in ("branch", "state", "settings", "verdict") else "right"
        )
    rows = sorted(progress.branches.values(), key=lambda r: ORDER.index(r.state) if r.state in ORDER else 0)
    for row in rows[:max_rows]:
        table.add_row(*_row(row))
    hidden = len(rows) - max_rows
    return Group(
        _headline(progress),
        ProgressBar(total=1.0, completed=progress.fraction, width=60),
        table,
        Text(f"… {hidden} more" if hidden > 0 else "", style="dim"),
    )


def _headline(progress: Progress) -> Text:
    plan = progress.plan
    phase = progress.phase
    if progress.phase_total:
        phase += f" {progress.phase_done}/{progress.phase_total}"
    counts = ", ".join(f"{progress.count(s)} {s}" for s in TrialState if progress.count(s))
    return Text(
        f"{phase} · {len(plan.trials)} trials on {len(plan.branches)} branches ({counts}) · "
        f"elapsed {duration(progress.elapsed_s)} · left about {duration(progress.eta_s)}"
    )


def line(event: Event) -> str:
    """One event as one plain line, for logs and pipes."""
    if isinstance(event, BranchStarted):
        return f"{event.branch}: started on {event.host} (pid {event.pid})"
    if isinstance(event, CheckpointScored):
        reached = event.checkpoint
        text = f"{reached.branch}: epoch {reached.epoch}, step {reached.step}, loss {event.log.loss:.4f}"
        if event.scorecard is not None:
            shown = (Metric.IDENTITY, Metric.STYLE, Metric.PRIOR)
            text += "".join(f", {m} {event.scorecard.value(m):.2f}" for m in shown)
        return text + (f" → {event.verdict.state}" if event.verdict else "")
    return f"{event.branch}: {event.state} at step {event.last_step}" + (f" ({event.reason})" if event.reason else "")


class TerminalView:
    """Shows a sweep on stderr: a live table in a terminal, one line an event elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._progress: Progress | None = None
        self._phase = ""

    @contextmanager
    def showing(self, progress: Progress) -> Iterator[None]:
        """Show the progress until the block ends; the last state stays on screen."""
        self._progress = progress
        if not self._console.is_terminal:
            yield
            return
        rows = max(5, self._console.height - 8)
        with Live(
            get_renderable=lambda: render(progress, rows), console=self._console, refresh_per_second=2
        ) as self._live:
            yield

    def on_event(self, event: Event) -> None:
        """Print the event where there is no live table."""
        if self._live is None:
            self._console.print(line(event), highlight=False, markup=False, soft_wrap=True)

    def on_phase(self, name: str, done: int, total: int) -> None:
        """Say what the sweep is at where there is no live table; at most once a phase."""
        if self._live is None and name != self._phase:
            self._phase = name
            count = f" ({total})" if total else ""
            self._console.print(f"{name}{count} …", highlight=False, markup=False)

    def note(self, text: str) -> None:
        """A sentence for the person."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
