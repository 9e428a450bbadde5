"""The live view of a sweep: a table in a terminal that can redraw, one line an event elsewhere."""

from __future__ import annotations

import contextlib
import io

import pytest
from rich.console import Console

from dbsweep.records.events import AtWork, BranchEnded, BranchStarted
from dbsweep.records.names import TrialState
from dbsweep.reports.progress import Progress
from dbsweep.reports.terminal import LINE_INTERVAL_S, LastingConsole, TerminalView
from tests.reports.two_branches import Clock, branch, plan, scored


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
        view.on_phase("[b]", 0, 0)
        view.on_event(scored("b01", 10))
        view.on_event(BranchEnded(branch="b01", state=TrialState.FAILED, last_step=10, reason="loss is NaN [red]"))
    assert out.getvalue().splitlines() == [
        "class images (12) …",
        "[b] …",
        "b01: epoch 1, step 10, loss 0.1000, identity 0.75, style 0.50, prior 1.00 → ready",
        "b01: failed at step 10 (loss is NaN [red])",
    ]


def test_in_a_log_long_phases_are_told_of_once_a_minute_all_branches_together():
    out, clock = io.StringIO(), Clock()
    view, progress = TerminalView(Console(file=out, width=200), clock), Progress(plan(), clock)

    def hear(event: AtWork | BranchStarted) -> None:
        progress.add(event)
        view.on_event(event)

    with view.showing(progress):
        for name in ("b01", "b02"):
            hear(BranchStarted(branch=name, host="here", pid=1))
        for step in range(1, 20):
            clock.now += LINE_INTERVAL_S / 4
            for name in ("b01", "b02"):
                hear(AtWork(branch=name, step=step, per_s=0.5))
        clock.now += 2 * LINE_INTERVAL_S
        hear(AtWork(branch="b02", step=19, drawn=16, to_draw=24, per_s=4.0))
    assert out.getvalue().splitlines() == [
        "b01: started on here (pid 1)",
        "b02: started on here (pid 1)",
        *(f"{name}: step 8 of 20, 2.0 s/step, about 0:24 of training left" for name in ("b01", "b02")),
        *(f"{name}: step 16 of 20, 2.0 s/step, about 0:08 of training left" for name in ("b01", "b02")),
        "b02: at step 19, 16 of 24 pictures drawn, 4.0 pictures/s, about 0:02 left",
    ]


def test_in_a_log_a_counted_phase_is_told_again_with_what_is_left():
    out, clock = io.StringIO(), Clock()
    view, progress = TerminalView(Console(file=out, width=200), clock), Progress(plan(), clock)
    with view.showing(progress):
        for done in (0, 1, 2, 2, 3, 4):
            progress.begin_phase("class images", done, 4)
            view.on_phase("class images", done, 4)
            clock.now += LINE_INTERVAL_S / 2
    assert out.getvalue().splitlines() == [
        "class images (4) …",
        "class images: 2 of 4, about 1:00 left",
        "class images: 3 of 4, about 0:40 left",
    ]


def test_a_live_table_shows_what_branches_are_at_and_prints_no_lines():
    out = io.StringIO()
    clock = Clock()
    console = Console(file=out, force_terminal=True, width=200, height=20, _environ={"TERM": "xterm"})
    view, progress = TerminalView(console, clock), Progress(plan())
    with view.showing(progress):
        for step in (1, 2):
            work = AtWork(branch="b01", step=step, per_s=0.5)
            progress.add(work)
            clock.now += 10 * LINE_INTERVAL_S
            view.on_event(work)
    assert "of training left" not in out.getvalue()
    assert "2.0 s/step, 0:36 left" in out.getvalue()


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


@pytest.mark.parametrize("is_terminal", [True, False])
def test_memory_that_ran_out_is_told_at_once(is_terminal: bool):
    out = io.StringIO()
    view = TerminalView(Console(file=out, width=200, force_terminal=is_terminal))
    told = "out of memory after step 3; starting again from its last checkpoint with gradient_checkpointing true"
    with view.showing(Progress(plan())):
        view.on_event(BranchStarted(branch="b01", host="here", pid=1, after=told))
    assert f"b01: {told}" in out.getvalue()


@pytest.mark.parametrize(("is_terminal", "lines"), [(True, 3), (False, 1)])
def test_a_sentence_is_broken_between_words_in_a_terminal_alone(is_terminal: bool, lines: int):
    out = io.StringIO()
    view = TerminalView(Console(file=out, width=30, force_terminal=is_terminal, _environ={"TERM": "xterm"}))
    told = "14 checkpoints of 14 MB, 4 of them with 85 MB of state to fork from"
    view.note(told)
    shown = out.getvalue().splitlines()
    assert " ".join(shown) == told
    assert len(shown) == lines


@pytest.mark.parametrize(
    ("error", "how"), [(None, "finished"), (KeyboardInterrupt, "interrupted"), (OSError, "stopped")]
)
def test_what_stays_on_screen_tells_how_the_sweep_ended(error: type[BaseException] | None, how: str):
    out = io.StringIO()
    view = TerminalView(Console(file=out, force_terminal=True, width=140, height=20, _environ={"TERM": "xterm"}))
    progress = Progress(plan())
    with contextlib.suppress(OSError, KeyboardInterrupt), view.showing(progress):
        view.stopping()
        assert "stopping: what is trained is being saved" in str(view._render().renderables[0])  # type: ignore[union-attr]
        if error is not None:
            raise error
    assert f"{how} · elapsed" in out.getvalue()


def test_a_sweep_of_many_branches_is_no_higher_than_its_terminal():
    many = plan().model_copy(update={"branches": tuple(branch(f"b{i:02d}", (10, 20)) for i in range(40))})
    console = Console(file=io.StringIO(), width=140, height=20, record=True)
    view = TerminalView(console)
    with view.showing(Progress(many)):
        console.print(view._render())
    lines = console.export_text().splitlines()
    assert 12 < len(lines) <= 20
    assert lines[-1].endswith(" more")
