"""Commands that show, correct and copy runs that exist."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dbsweep.commands.models import write_model
from dbsweep.commands.options import RUNS, Json, Run, Runs
from dbsweep.commands.output import print_json, print_lines, print_note, width_of


def best(
    run_name: Run,
    as_json: Json = False,
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write the model, as a diffusers folder.")
    ] = None,
    runs: Runs = RUNS,
) -> None:
    """Show the chosen checkpoint and why."""
    from dbsweep.reports.contract import best_json
    from dbsweep.reports.listings import best_text
    from dbsweep.sweep.answers import find_run, read_run

    folder = find_run(run_name, runs)
    record = read_run(folder)
    if as_json:
        print_json(best_json(record, folder.path))
    else:
        print_lines(best_text(record, folder.path, folder.handle))
    if export is not None:
        write_model(run_name, runs, export, "diffusers", None)


def choose(
    run_name: Run,
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="Checkpoint to take, such as b01-000120.")],
    because: Annotated[str, typer.Option(metavar="REASON", help="Your reason; it is recorded.")],
    runs: Runs = RUNS,
) -> None:
    """Choose another checkpoint than the recommended one.

    Both choices are recorded, and the report is written again. `dbsweep best`
    lists the best checkpoints, `dbsweep trials --json` all that have scores.
    """
    from dbsweep.sweep.answers import find_run
    from dbsweep.sweep.overruling import overrule

    made, page = overrule(find_run(run_name, runs), checkpoint, because)
    print_note(f"Kept {made.candidate.checkpoint} as your choice; report written again: {page}")


def trials(run_name: Run, as_json: Json = False, runs: Runs = RUNS) -> None:
    """List every trial with its verdict and the evidence.

    `--json` has the scores of every checkpoint too.
    """
    from dbsweep.reports.contract import trials_json
    from dbsweep.reports.listings import trials_text
    from dbsweep.sweep.answers import find_run, read_run

    record = read_run(find_run(run_name, runs))
    print_json(trials_json(record)) if as_json else print_lines(trials_text(record, width_of(sys.stdout)))


def report(run_name: Run, runs: Runs = RUNS) -> None:
    """Write the report of a run again, and print its path."""
    from dbsweep.sweep.answers import find_run
    from dbsweep.sweep.report import write_report

    print_lines([str(write_report(find_run(run_name, runs)))])


def track(
    run_name: Run,
    uri: Annotated[
        str | None, typer.Option("--uri", metavar="URI", help="MLflow store to log to.", show_default="the run's")
    ] = None,
    runs: Runs = RUNS,
) -> None:
    """Log to MLflow what was missed while its server was unreachable.

    Nothing is logged twice.
    """
    from dbsweep.sweep.answers import find_run
    from dbsweep.sweep.tracking import track_run

    print_note(track_run(find_run(run_name, runs), uri))


def list_runs(runs: Runs = RUNS, as_json: Json = False) -> None:
    """List all runs and how far each has come."""
    from dbsweep.errors import RunError
    from dbsweep.reports.contract import runs_json
    from dbsweep.reports.listings import runs_text
    from dbsweep.sweep.answers import read_runs

    if runs != RUNS and not runs.exists():  # the default comes into being with the first run
        raise RunError(f"there is no folder {runs}: --runs is the folder that holds the runs")
    records, faults = read_runs(runs)
    for fault in faults:
        print_note(f"dbsweep: {fault}")
    print_json(runs_json(records)) if as_json else print_lines(runs_text(records))
