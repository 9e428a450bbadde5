"""Commands that plan and lead a sweep."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from dbsweep.commands.interrupts import ended_as_by_ctrl_c
from dbsweep.commands.options import RUNS, Address, Alone, File, Json, Run, Runs, Sets
from dbsweep.commands.output import print_json, print_lines, print_note, write_nowhere

if TYPE_CHECKING:  # these load more than --help needs
    from dbsweep.execution.folder import RunFolder
    from dbsweep.reports.terminal import TerminalView


def plan(file: File, sets: Sets = None, alone: Alone = False, as_json: Json = False) -> None:
    """Show what a sweep will do and cost, without starting it.

    Lists trials, shared steps, images, disk space, time and memory, and warns
    about what looks wrong. No model is loaded.
    """
    from dbsweep.plan.plan import plan_json
    from dbsweep.plan.text import plan_lines
    from dbsweep.sweep.loading import load
    from dbsweep.sweep.planning import planned

    _, result = planned(load(file, sets or ()), alone=alone)
    print_json(plan_json(result)) if as_json else print_lines(plan_lines(result))


def run(
    file: File,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the run and its folder.", show_default="the file's"),
    ] = None,
    address: Address = None,
    sets: Sets = None,
    alone: Alone = False,
) -> None:
    """Run a sweep: train, score, judge, choose, report.

    Ctrl-C stops it cleanly; `dbsweep resume` continues it.
    """
    from dbsweep.sweep.running import run_file

    view = _view()
    with _leading(view):
        folder = run_file(file, sets or (), name=name, address=address, view=view, alone=alone)
    _print_outcome(folder)


def resume(run_name: Run, address: Address = None, runs: Runs = RUNS) -> None:
    """Continue an interrupted run; finished work is kept.

    A finished run shows its answer.
    """
    from dbsweep.sweep.answers import find_run
    from dbsweep.sweep.running import on_ray, resume_run

    folder, view = find_run(run_name, runs), _view()
    with _leading(view):
        resume_run(folder, on_ray(address), view)
    _print_outcome(folder)


def _view() -> TerminalView:
    from dbsweep.reports.terminal import LastingConsole, TerminalView

    return TerminalView(LastingConsole(write_nowhere))


def _print_outcome(folder: RunFolder) -> None:
    """The choice; exit code 1 where there is none."""
    from dbsweep.reports.listings import best_text
    from dbsweep.sweep.answers import read_run

    record = read_run(folder)
    if record.choice is None:
        print_note(f"dbsweep: nothing could be chosen; see `dbsweep trials {folder.handle}`")
        raise typer.Exit(1)
    print_lines(best_text(record, folder.path, folder.handle))


@contextmanager
def _leading(view: TerminalView) -> Iterator[None]:
    """Around a sweep.

    Ctrl-C ends with the shell's exit code for it; how to go on has been said. So do SIGTERM, with which batch systems
    and containers end what they run, and SIGHUP, so that a connection that breaks off costs no training; under
    `nohup`, where it is ignored, the sweep goes on. What libraries print meanwhile goes to stderr (Ray tells the death
    of a node on stdout): stdout is for the outcome.
    """
    from dbsweep.execution.driver_lock import file_locks

    file_locks()  # refused where there are none, before anything else is done
    try:
        with ended_as_by_ctrl_c(view.stopping), redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
