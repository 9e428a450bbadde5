"""Tests of the live view: what it counts and what it prints."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored
from dbsweep.records.names import Metric, TrialState, VerdictState
from dbsweep.records.plan import Branch, Cost, Milestone, Plan
from dbsweep.records.results import Checkpoint, Score, Scorecard, StepLog, Verdict
from dbsweep.reports.live_table import describe, duration, render
from dbsweep.reports.progress import Progress
from dbsweep.reports.terminal import LastingConsole, TerminalView


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def branch(name: str, steps: tuple[int, ...]) -> Branch:
    milestones = tuple(Milestone(step=s, epoch=s // 10, evaluate=True, fork=False) for s in steps)
    settings = {"learning_rate": 3e-4, "epochs": 4, "class_images_per_instance": 2, "text_encoder_ratio": 0.5}
    return Branch(
        id=name,
        parent=None,
        fork_step=0,
        stages=(),
        milestones=milestones,
        trials=(),
        settings=settings,
        text_encoder_steps=0,
    )


def plan() -> Plan:
    cost = Cost(steps_alone=80, steps_shared=80, images=0, disk_bytes=0, seconds=None)
    branches = (branch("b01", (10, 20)), branch("b02", (10, 20)))
    return Plan(steps_per_epoch=10, trials=(), stages=(), branches=branches, paths=(), cost=cost)


def scored(name: str, step: int) -> CheckpointScored:
    values = {Metric.IDENTITY: 0.75, Metric.STYLE: 0.5, Metric.PRIOR: 1.0}
    scores = {m: Score(value=v, low=v, high=v, samples=(v,)) for m, v in values.items()}
    checkpoint = Checkpoint(
        id=f"{name}-{step:06d}", branch=name, step=step, epoch=step // 10, path="p", sha256="0", bytes=1
    )
    log = StepLog(
        step=step,
        loss=0.1,
        instance_loss=0.1,
        prior_loss=0.1,
        learning_rate=1e-4,
        grad_norm=1.0,
        steps_per_s=5.0,
        memory_bytes=1,
    )
    verdict = Verdict(state=VerdictState.READY, onset_step=None, evidence="")
    return CheckpointScored(
        checkpoint=checkpoint,
        log=log,
        scorecard=Scorecard(checkpoint=checkpoint.id, scores=scores, images=()),
        verdict=verdict,
    )


def test_time_left_is_time_spent_times_what_is_left_over_what_is_done():
    clock = Clock()
    progress = Progress(plan(), clock)
    assert progress.eta_s is None
    progress.add(BranchStarted(branch="b01", host="here", pid=1))
    clock.now += 30.0
    progress.add(scored("b01", 10))
    assert progress.fraction == pytest.approx(1 / 4)
    assert progress.eta_s == pytest.approx(30.0 * 3)  # one checkpoint of four took 30 s
    for branch in progress.plan.branches:
        progress.add(BranchEnded(branch=branch.id, state=TrialState.COMPLETED, last_step=branch.end_step, reason=""))
    assert (progress.fraction, progress.eta_s) == (1.0, None)  # a race and grids may follow


def test_a_branch_that_is_started_again_has_done_no_checkpoint_twice():
    progress = Progress(plan())
    for _ in range(2):  # its worker died after the checkpoint, which the next attempt tells again
        progress.add(BranchStarted(branch="b01", host="here", pid=1))
        progress.add(scored("b01", 10))
    assert progress.fraction == pytest.approx(1 / 4)


def test_a_stopped_branch_leaves_nothing_to_wait_for():
    progress = Progress(plan())
    progress.add(BranchEnded(branch="b01", state=TrialState.STOPPED, last_step=10, reason="overtrained"))
    assert progress.fraction == pytest.approx(1 / 2)
    assert progress.count(TrialState.STOPPED) == 1


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
    ("width", "shown"),
    [
        (140, {"branch", "state", "settings", "step", "identity", "style", "prior", "utility", "verdict"}),
        (80, {"branch", "state", "settings", "step", "identity", "utility", "verdict"}),
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
    assert "–/20" in pending.split()
    assert all(len(line) <= width for line in lines)


def test_training_is_counted_in_branches_and_not_in_the_inputs_before_it():
    progress = Progress(plan())
    progress.begin_phase("shared inputs", 9, 9)
    progress.add(BranchStarted(branch="b01", host="here", pid=1))
    console = Console(file=io.StringIO(), width=160, record=True)
    console.print(render(progress, max_rows=2, width=160))
    assert console.export_text().startswith("training · 0 trials on 2 branches (1 pending, 1 running)")


def test_settings_that_all_branches_have_are_left_out():
    other = branch("b02", (10, 20)).model_copy(
        update={"settings": {**branch("b02", (10,)).settings, "learning_rate": 1e-4}}
    )
    both = plan().model_copy(update={"branches": (branch("b01", (10, 20)), other)})
    console = Console(file=io.StringIO(), width=160, record=True)
    console.print(render(Progress(both), max_rows=2, width=160))
    text = console.export_text()
    assert "lr 0.0003 " in text
    assert "lr 0.0001 " in text
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


def test_the_view_grows_and_shrinks_with_its_terminal():
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=140, height=20)
    view = TerminalView(console)
    with view.showing(Progress(plan())):
        console.print(view._render())
        console.width = 60
        console.print(view._render())
    shown = out.getvalue()
    assert "identity" in shown[: shown.rindex("branch")]
    assert "identity" not in shown[shown.rindex("branch") :]


@pytest.mark.parametrize("is_dumb", [False, True])
def test_without_a_terminal_that_can_redraw_each_event_is_one_line(is_dumb: bool):
    out = io.StringIO()
    view = TerminalView(Console(file=out, width=40, force_terminal=is_dumb, _environ={"TERM": "dumb"}))
    progress = Progress(plan())
    with view.showing(progress):
        view.on_phase("class images", 0, 12)
        view.on_phase("class images", 6, 12)
        view.on_event(scored("b01", 10))
        view.on_event(BranchEnded(branch="b01", state=TrialState.FAILED, last_step=10, reason="loss is NaN [red]"))
    assert out.getvalue().splitlines() == [
        "class images (12) …",
        "b01: epoch 1, step 10, loss 0.1000, identity 0.75, style 0.50, prior 1.00 → ready",
        "b01: failed at step 10 (loss is NaN [red])",
    ]


@pytest.mark.parametrize(("is_terminal", "shown"), [(True, "100%"), (False, "looking at photos (3) …\n")])
def test_what_takes_long_before_the_sweep_is_shown(is_terminal: bool, shown: str):
    out = io.StringIO()
    view = TerminalView(Console(file=out, width=80, force_terminal=is_terminal))
    assert list(view.watch("looking at photos", "abc")) == ["a", "b", "c"]
    assert shown in out.getvalue()


def test_a_sweep_whose_reader_has_gone_goes_on_unseen():
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    told: list[str] = []
    view = TerminalView(LastingConsole(lambda: told.append("gone"), file=Gone()))
    with view.showing(Progress(plan())):
        view.on_event(scored("b01", 10))
        view.note("Interrupted.")
    assert told == ["gone"]


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
    assert "elapsed 0:30 · left about 1:30" in console.export_text()


@pytest.mark.parametrize(("seconds", "text"), [(5.4, "0:05"), (75, "1:15"), (3661, "1:01:01")])
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_settings_are_described_with_short_names():
    assert describe({"learning_rate": 3e-4, "epochs": 30, "batch_size": 2}) == "lr 0.0003 · epochs 30 · batch_size 2"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_memory_that_ran_out_is_told_at_once(is_terminal: bool):
    out = io.StringIO()
    view = TerminalView(Console(file=out, width=200, force_terminal=is_terminal))
    told = "out of memory after step 3; starting again from its last checkpoint with gradient_checkpointing true"
    with view.showing(Progress(plan())):
        view.on_event(BranchStarted(branch="b01", host="here", pid=1, after=told))
    assert f"b01: {told}" in out.getvalue()
