"""The table of a sweep in progress: what it shows, and what a narrow terminal goes without."""

from __future__ import annotations

import io
from typing import Literal

import pytest
from rich.console import Console

from dbsweep.records.events import AtWork, BranchEnded, BranchStarted
from dbsweep.records.names import TrialState
from dbsweep.reports.live_table import describe, duration, pace, render
from dbsweep.reports.progress import Progress
from tests.reports.two_branches import Clock, branch, plan, scored


def test_the_view_shows_scores_utility_and_verdict():
    progress = Progress(plan())
    progress.add(BranchStarted(branch="b01", host="here", pid=1))
    progress.add(scored("b01", 10))
    console = Console(file=io.StringIO(), width=160, record=True)
    console.print(render(progress, max_rows=1, width=160))
    text = console.export_text()
    # Harmonic mean of 0.75, 0.5 times 0.75, and 1.0: 3 / (4/3 + 8/3 + 1) = 0.60.
    assert "b01" in text
    assert "0.75   0.50   1.00     0.60  ready" in " ".join(text.split("\n")).replace("identity", "")
    assert "… 1 more" in text


@pytest.mark.parametrize(
    ("work", "told"),
    [
        ({"step": 5, "per_s": 2.5}, ("5/20", "2.5 steps/s, 0:06 left")),
        ({"step": 5, "per_s": 0.2}, ("5/20", "5.0 s/step, 1:15 left")),
        ({"step": 10, "drawn": 48, "to_draw": 200, "per_s": 0.5}, ("10/20", "48/200 drawn, 5:04 left")),
    ],
)
def test_what_a_branch_is_at_between_two_checkpoints_is_shown(work: dict[str, float], told: tuple[str, str]):
    progress = Progress(plan())
    progress.add(BranchStarted(branch="b01", host="here", pid=1))
    progress.add(AtWork.model_validate({"branch": "b01", **work}))
    console = Console(file=io.StringIO(), width=160, record=True)
    console.print(render(progress, max_rows=1, width=160))
    text = console.export_text()
    assert all(part in text for part in told)


@pytest.mark.parametrize(("per_s", "text"), [(1.0, "1.0 steps/s"), (0.99, "1.0 s/step"), (12.34, "12.3 steps/s")])
def test_pace(per_s: float, text: str):
    assert pace(per_s, "step") == text


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (140, {"branch", "state", "settings", "step", "now", "identity", "style", "prior", "utility", "verdict"}),
        (96, {"branch", "state", "settings", "step", "identity", "utility", "verdict"}),
        (80, {"branch", "settings", "step", "utility", "verdict"}),
        (60, {"branch", "settings", "step", "utility", "verdict"}),
    ],
)
def test_a_narrow_terminal_loses_columns_and_no_numbers(width: int, shown: set[str]):
    progress = Progress(plan())
    progress.add(BranchStarted(branch="b01", host="here", pid=1))
    progress.add(scored("b01", 10))
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(render(progress, max_rows=2, width=width))
    lines = console.export_text().splitlines()
    (header,) = [number for number, line in enumerate(lines) if line.startswith("branch")]
    assert set(lines[header].split()) == shown
    running, pending = lines[header + 1 : header + 3]
    assert {"10/20", "0.60", "ready"} <= set(running.split())
    assert {"–/20", "pending"} <= set(pending.split())
    assert ("te 0.5" in running) == (width >= 80)
    assert all(len(line) <= width for line in lines)


def test_training_is_counted_in_branches_and_not_in_the_inputs_before_it():
    progress = Progress(plan())
    progress.begin_phase("shared inputs", 9, 9)
    progress.add(BranchStarted(branch="b01", host="here", pid=1))
    console = Console(file=io.StringIO(), width=160, record=True)
    console.print(render(progress, max_rows=2, width=160))
    headline, _, counts, *_ = console.export_text().splitlines()
    assert headline.startswith("training · ")
    assert counts == "0 trials on 2 branches (1 pending, 1 running)"


def test_settings_that_all_branches_have_are_left_out():
    other = branch("b02", (10, 20)).model_copy(
        update={"settings": {**branch("b02", (10,)).settings, "learning_rate": 1e-4}}
    )
    both = plan().model_copy(update={"branches": (branch("b01", (10, 20)), other)})
    console = Console(file=io.StringIO(), width=160, record=True)
    console.print(render(Progress(both), max_rows=2, width=160))
    text = console.export_text()
    assert "lr 3e-4 " in text
    assert "lr 1e-4 " in text
    assert "epochs" not in text


def test_running_branches_come_first_then_the_best():
    progress = Progress(plan())
    progress.add(scored("b01", 20))
    progress.add(BranchEnded(branch="b01", state=TrialState.COMPLETED, last_step=20))
    progress.add(BranchStarted(branch="b02", host="here", pid=1))
    console = Console(file=io.StringIO(), width=160, record=True)
    console.print(render(progress, max_rows=2, width=160))
    text = console.export_text()
    assert text.index("b02") < text.index("b01")


def test_time_left_is_told_where_it_is_known():
    clock = Clock()
    progress = Progress(plan(), clock)
    console = Console(file=io.StringIO(), width=160, record=True)
    console.print(render(progress, max_rows=2, width=160))
    assert "elapsed 0:00" in (before := console.export_text())
    assert "left" not in before
    progress.add(BranchStarted(branch="b01", host="here", pid=1))
    clock.now += 30.0
    progress.add(scored("b01", 10))
    console.print(render(progress, max_rows=2, width=160))
    assert "elapsed 0:30 · about 1:30 of training left" in console.export_text()


@pytest.mark.parametrize(("seconds", "text"), [(5.4, "0:05"), (59.6, "1:00"), (75, "1:15"), (3661, "1:01:01")])
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_settings_are_described_with_short_names():
    assert describe({"learning_rate": 3e-4, "epochs": 30, "batch_size": 2}) == "lr 3e-4, epochs 30, batch_size 2"


@pytest.mark.parametrize("colours", ["standard", "truecolor"])  # Rich keeps a style's codes of the first that asks
def test_what_stands_beside_the_training_has_a_bar_of_its_own(colours: Literal["standard", "truecolor"]):
    progress = Progress(plan())
    for each in progress.plan.branches:
        progress.add(BranchEnded(branch=each.id, state=TrialState.COMPLETED, last_step=each.end_step))
    bars = []
    for done in (0, 3, 6):
        progress.begin_phase("race of the best", done, 6)
        console = Console(file=io.StringIO(), width=60, record=True, force_terminal=True, color_system=colours)
        console.print(render(progress, max_rows=2, width=60))
        bars.append(console.export_text(styles=True).splitlines()[1])
    assert len(set(bars)) == 3


def test_no_column_comes_or_goes_as_branches_end():
    def header(progress: Progress) -> str:
        console = Console(file=io.StringIO(), width=80, record=True)
        console.print(render(progress, max_rows=2, width=80))
        return next(line for line in console.export_text().splitlines() if line.startswith("branch"))

    progress = Progress(plan())
    first = header(progress)
    progress.add(BranchStarted(branch="b01", host="here", pid=1))
    progress.add(scored("b01", 20))
    progress.add(BranchEnded(branch="b01", state=TrialState.COMPLETED, last_step=20))
    assert header(progress) == first


def test_of_what_has_ended_the_best_comes_first():
    progress = Progress(plan())
    for name, worth in (("b01", 0.2), ("b02", 0.6)):
        progress.add(BranchEnded(branch=name, state=TrialState.COMPLETED, last_step=20))
        progress.branches[name].utility = worth
    console = Console(file=io.StringIO(), width=160, record=True)
    console.print(render(progress, max_rows=2, width=160))
    text = console.export_text()
    assert text.index("b02 ") < text.index("b01 ")
    assert "more" not in text  # all are there


def test_a_branch_that_forks_is_shown_at_its_fork_once_it_runs():
    first, second = plan().branches
    forked = second.model_copy(update={"parent": first.id, "fork_step": 5})
    progress = Progress(plan().model_copy(update={"branches": (first, forked)}))
    for steps in ("–/20", "5/20"):
        console = Console(file=io.StringIO(), width=160, record=True)
        console.print(render(progress, max_rows=2, width=160))
        (line,) = [line for line in console.export_text().splitlines() if line.startswith("b02 ")]
        assert steps in line.split()
        progress.add(BranchStarted(branch="b02", host="here", pid=1))


def test_long_settings_are_cut_before_the_scores_are_left_out():
    more = {f"another_setting_{i}": i for i in range(6)}
    first = branch("b01", (10, 20)).model_copy(update={"settings": {**branch("b01", (10,)).settings, **more}})
    console = Console(file=io.StringIO(), width=130, record=True)
    console.print(render(Progress(plan().model_copy(update={"branches": (first,)})), max_rows=2, width=130))
    (header,) = [line for line in console.export_text().splitlines() if line.startswith("branch")]
    assert header.split()[-5:] == ["identity", "style", "prior", "utility", "verdict"]
