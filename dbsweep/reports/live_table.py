"""A sweep in progress as a table for a terminal, as wide as it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rich.columns import Columns
from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dbsweep.config.messages import counted, setting
from dbsweep.records.names import Metric, TrialState, VerdictState
from dbsweep.records.record import Scalar
from dbsweep.reports.progress import BranchProgress, Progress
from dbsweep.reports.words import in_a_word, plain_number

STYLES: Mapping[TrialState | VerdictState, str] = {
    TrialState.PENDING: "dim",
    TrialState.RUNNING: "cyan",
    TrialState.COMPLETED: "green",
    TrialState.STOPPED: "yellow",
    TrialState.FAILED: "red",
    TrialState.INTERRUPTED: "magenta",
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


def pace(per_s: float, unit: str) -> str:
    """``2.5 steps/s``, and of what is slower than one a second ``4.0 s/step``."""
    return f"{per_s:.1f} {unit}s/s" if per_s >= 1.0 else f"{1.0 / per_s:.1f} s/{unit}"


def at_work(progress: BranchProgress) -> str:
    """``2.5 steps/s, 6:50 left``, ``48/200 drawn, 1:02 left``; nothing right after a checkpoint."""
    work, left_s = progress.at_work, progress.left_s
    if work is None or left_s is None:
        return ""
    now = f"{work.drawn}/{work.to_draw} drawn" if work.to_draw else pace(work.per_s, "step")
    return f"{now}, {duration(left_s)} left"


def describe(settings: dict[str, Scalar]) -> str:
    """``lr 3e-4, epochs 30, class 4, te 0.5``; further settings by their full names."""
    return ", ".join(f"{SHORT.get(name, name)} {setting(value)}" for name, value in settings.items())


def _cells(progress: BranchProgress, swept: Collection[str]) -> dict[str, Text | str]:
    """A branch's row by column, and `standing`, which is state and verdict in one word.

    Settings are those in which branches differ.
    """

    def score(metric: Metric) -> str:
        value = progress.scores.get(metric)
        return "" if value is None else plain_number(value)

    verdict, utility, branch = progress.verdict, progress.utility, progress.branch
    word = in_a_word(progress.state, verdict.state if verdict is not None else None)
    end = f"{branch.end_step:,}"
    reached = "–" if progress.state is TrialState.PENDING else f"{progress.step:,}"
    return {
        "branch": branch.id,
        "state": Text(progress.state, style=STYLES[progress.state]),
        "settings": describe({name: value for name, value in branch.settings.items() if name in swept}),
        "step": f"{reached:>{len(end)}}/{end}",
        "now": at_work(progress),
        "identity": score(Metric.IDENTITY),
        "style": score(Metric.STYLE),
        "prior": score(Metric.PRIOR),
        "utility": "" if utility is None else plain_number(utility),
        "verdict": Text(verdict.state, style=STYLES[verdict.state]) if verdict else "",
        "standing": Text(word, style=STYLES[word]),
    }


LEFT = ("branch", "state", "settings", "now", "verdict")
"""Columns of words; the others are numbers."""

OPTIONAL = ("now", "prior", "style", "identity", "state")
"""Columns that a narrow terminal goes without, the first one first: the utility sums the scores up, and the verdict
stands for the state.
"""

SETTINGS_WIDTH = 38
"""Characters of the settings for which columns are left out; what is longer is cut where the terminal ends."""

USUAL = {
    "state": len(TrialState.COMPLETED),
    "now": len("100/200 drawn, 10:00 left"),
    "verdict": len(VerdictState.UNDERTRAINED),
}
"""Characters that columns have from the beginning, so that none comes or goes as branches train and end."""


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
        Columns([_bar(progress, width)]),
        _counts(progress),
        _table([_cells(row, progress.swept) for row in rows[:max_rows]], width),
        Text(f"… {hidden:,} more" if hidden > 0 else "", style="dim"),
    )


def _bar(progress: Progress, width: int) -> ProgressBar:
    """Of the phase; where a terminal has 16 colours, Rich's own of a full bar is the grey of an empty one."""
    return ProgressBar(total=1.0, completed=progress.phase_fraction, width=min(60, width), finished_style="green")


def _rank(row: BranchProgress) -> tuple[int, float]:
    return (ORDER.index(row.state) if row.state in ORDER else 0, -(row.utility or 0.0))


def _table(rows: Sequence[dict[str, Text | str]], width: int) -> Table:
    """As many columns as fit; the settings have what the others leave."""
    names = [name for name in (rows[0] if rows else ()) if name != "standing"]
    needs = {name: max([len(name), USUAL.get(name, 0), *(len(row[name]) for row in rows)]) for name in names}
    columns = list(needs)

    def room() -> int:
        return width - sum(needs[name] + GAP for name in columns if name != "settings")

    for name in OPTIONAL:
        if columns and room() < min(needs["settings"], SETTINGS_WIDTH):
            columns.remove(name)
    if "state" not in columns:
        rows = [{**row, "verdict": row["standing"]} for row in rows]
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold", expand=False)
    for name in columns:
        most = max(room(), 1) if name == "settings" else None
        table.add_column(name, no_wrap=True, max_width=most, justify="left" if name in LEFT else "right")
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    return table


def _headline(progress: Progress) -> Text:
    phase = progress.phase
    if progress.phase_total:
        phase += f" {progress.phase_done}/{progress.phase_total}"
    left = "" if progress.eta_s is None else f" · about {duration(progress.eta_s)} of training left"
    if progress.phase_left_s is not None:
        left = f" · about {duration(progress.phase_left_s)} left"
    return Text(f"{phase} · elapsed {duration(progress.elapsed_s)}{left}")


def _counts(progress: Progress) -> Text:
    plan = progress.plan
    counts = ", ".join(f"{progress.count(s)} {s}" for s in TrialState if progress.count(s))
    return Text(f"{counted(len(plan.trials), 'trial')} on {counted(len(plan.branches), 'branch')} ({counts})")
