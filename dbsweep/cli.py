"""The command line: parse, make one call, print, exit code; what is printed for machines goes to stdout alone."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from dbsweep import __version__
from dbsweep.errors import DbsweepError

if TYPE_CHECKING:  # these load more than --help needs
    from dbsweep.execution.folder import RunFolder
    from dbsweep.reports.terminal import TerminalView
    from dbsweep.sweep.exporting import Format, PrecisionName

app = typer.Typer(
    name="dbsweep",
    help="Sweep DreamBooth trainings of Stable Diffusion, see which checkpoint to keep, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
minisd_app = typer.Typer(help="The embedded model: draw subjects to try things on.", no_args_is_help=True)
app.add_typer(minisd_app, name="minisd")

File = Annotated[Path, typer.Argument(metavar="FILE", help="Experiment file (YAML).")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="Name of a run, or its folder.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Override one value of the file.")]
Address = Annotated[str | None, typer.Option(metavar="ADDR", help="Ray cluster to run on, or `auto`.")]
Alone = Annotated[bool, typer.Option("--alone", help="Train every trial by itself, to check what sharing gives.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of the runs.")]

RUNS = Path("runs")


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def _print_lines(lines: Sequence[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


def _view() -> TerminalView:
    from rich.console import Console

    from dbsweep.reports.terminal import TerminalView

    return TerminalView(Console(stderr=True))


def _print_outcome(folder: RunFolder) -> None:
    """The choice; exit code 1 where there is none."""
    from dbsweep.reports.listings import best_text
    from dbsweep.sweep.answers import read_run

    record = read_run(folder)
    if record.choice is None:
        typer.echo(f"dbsweep: nothing could be chosen; see `dbsweep trials {folder.handle}`", err=True)
        raise typer.Exit(1)
    _print_lines(best_text(record, folder.path, folder.handle))


def _export(name: str, runs: Path, out: Path, form: Format, precision: PrecisionName | None) -> None:
    """Writes a model; progress goes to stderr, the hash that A1111 will show to stdout."""
    from dbsweep.sweep.exporting import export_checkpoint

    done = export_checkpoint(
        name, runs, out, form=form, precision=precision, note=lambda line: typer.echo(line, err=True)
    )
    typer.echo(f"Model written to {done.path}", err=True)
    if done.model_hash is not None:
        _print_lines([f"Model hash: {done.model_hash}"])


def _interrupt_once(*_: object) -> NoReturn:
    """As Ctrl-C; `timeout` and others send the signal twice, which is no wish to leave the workers alone."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def _leading() -> Iterator[None]:
    """Around a sweep.

    Ctrl-C ends with the shell's exit code for it; how to go on has been said. So does SIGTERM, with which batch systems
    and containers end what they run. What libraries print meanwhile goes to stderr (Ray tells the death of a node on
    stdout): stdout is for the outcome.
    """
    before = signal.signal(signal.SIGTERM, _interrupt_once)
    try:
        with redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"dbsweep {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Holds the options that belong to no command."""


@app.command()
def plan(file: File, sets: Sets = None, alone: Alone = False, as_json: Json = False) -> None:
    """Show what a sweep will do and cost, without starting it."""
    from dbsweep.plan.plan import plan_json
    from dbsweep.plan.text import plan_lines
    from dbsweep.sweep.loading import load
    from dbsweep.sweep.planning import planned

    _, result = planned(load(file, sets or ()), alone=alone)
    _print_json(plan_json(result)) if as_json else _print_lines(plan_lines(result))


@app.command()
def run(
    file: File,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the run; default: the file's.")] = None,
    address: Address = None,
    sets: Sets = None,
    alone: Alone = False,
) -> None:
    """Run a sweep: train, score, judge, choose, report."""
    from dbsweep.sweep.running import run_file

    with _leading():
        folder = run_file(file, sets or (), name=name, address=address, view=_view(), alone=alone)
    _print_outcome(folder)


@app.command()
def resume(run_name: Run, address: Address = None, runs: Runs = RUNS) -> None:
    """Go on with a run that was interrupted; what is done is kept."""
    from dbsweep.sweep.answers import find_run
    from dbsweep.sweep.running import on_ray, resume_run

    folder = find_run(run_name, runs)
    with _leading():
        resume_run(folder, on_ray(address), _view())
    _print_outcome(folder)


@app.command()
def best(
    run_name: Run,
    as_json: Json = False,
    export: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the model as a diffusers folder.")] = None,
    runs: Runs = RUNS,
) -> None:
    """Show the chosen checkpoint and why; `--export` writes it as a model."""
    from dbsweep.reports.listings import best_json, best_text
    from dbsweep.sweep.answers import find_run, read_run

    folder = find_run(run_name, runs)
    record = read_run(folder)
    if as_json:
        _print_json(best_json(record, folder.path))
    else:
        _print_lines(best_text(record, folder.path, folder.handle))
    if export is not None:
        _export(run_name, runs, export, "diffusers", None)


@app.command("export")
def export_model(
    checkpoint: Annotated[
        str, typer.Argument(metavar="RUN[@CHECKPOINT]", help="A run's checkpoint: `@best` (default) or `@b01-000120`.")
    ],
    out: Annotated[Path, typer.Option(metavar="PATH", help="Where to write; must not exist.")],
    form: Annotated[
        Literal["single-file", "diffusers", "lora", "peft"],
        typer.Option(
            "--format",
            help="One .safetensors file for A1111, ComfyUI and Forge, a diffusers folder, or a LoRA file: of kohya's "
            "kind (lora), or of diffusers' (peft).",
        ),
    ] = "single-file",
    precision: Annotated[
        Literal["fp16", "bf16", "fp32"] | None,
        typer.Option(help="Of the weights; default: as the checkpoint was kept."),
    ] = None,
    runs: Runs = RUNS,
) -> None:
    """Write a checkpoint as a model for other programs."""
    _export(checkpoint, runs, out, form, precision)


@app.command()
def choose(
    run_name: Run,
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="Its id, such as b01-000120.")],
    because: Annotated[str, typer.Option(metavar="REASON", help="Why this one; kept in the ledger.")],
    runs: Runs = RUNS,
) -> None:
    """Take another checkpoint than dbsweep recommends; both are kept."""
    from dbsweep.sweep.answers import find_run
    from dbsweep.sweep.overruling import overrule

    made, page = overrule(find_run(run_name, runs), checkpoint, because)
    typer.echo(f"Kept {made.candidate.checkpoint} as your choice; report written again: {page}", err=True)


@app.command("hash")
def hash_models(files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Model files.")]) -> None:
    """Print the hashes of model files as A1111 shows them: new, old, path; a file that has not changed is not read."""
    from dbsweep.models.hash_cache import file_hashes

    for file in files:
        found = file_hashes(file)
        _print_lines([f"{found.short}  {found.old}  {file}"])


@app.command()
def trials(run_name: Run, as_json: Json = False, runs: Runs = RUNS) -> None:
    """List the trials of a run with their checkpoints' scores."""
    from dbsweep.reports.listings import trials_json, trials_text
    from dbsweep.sweep.answers import find_run, read_run

    record = read_run(find_run(run_name, runs))
    _print_json(trials_json(record)) if as_json else _print_lines(trials_text(record))


@app.command()
def report(run_name: Run, runs: Runs = RUNS) -> None:
    """Write the report page of a run again from its ledger."""
    from dbsweep.sweep.answers import find_run
    from dbsweep.sweep.report import write_report

    _print_lines([str(write_report(find_run(run_name, runs)))])


@app.command()
def track(
    run_name: Run,
    uri: Annotated[str | None, typer.Option(metavar="URI", help="MLflow store, if not the experiment's.")] = None,
    runs: Runs = RUNS,
) -> None:
    """Log to MLflow what a run could not, because the server was away; nothing is logged twice."""
    from dbsweep.sweep.answers import find_run
    from dbsweep.sweep.tracking import track_run

    typer.echo(track_run(find_run(run_name, runs), uri), err=True)


@app.command("runs")
def list_runs(runs: Runs = RUNS, as_json: Json = False) -> None:
    """List all runs."""
    from dbsweep.reports.listings import runs_json, runs_text
    from dbsweep.sweep.answers import read_runs

    records = read_runs(runs)
    _print_json(runs_json(records)) if as_json else _print_lines(runs_text(records))


@minisd_app.command()
def subject(
    seed: Annotated[int, typer.Option(min=0, help="Decides the subject.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the photos; must be new or empty.")],
    klass: Annotated[
        Literal["man", "woman", "robot"] | None, typer.Option("--class", help="Default: drawn from the seed.")
    ] = None,
    photos: Annotated[int, typer.Option(min=1, max=1000, help="How many photos.")] = 12,
) -> None:
    """Write photos of a made-up subject, to teach it to MiniSD."""
    from dbsweep.minisd.subject import draw_subject, write_subject_photos

    try:
        paths = write_subject_photos(seed, klass, photos, out)
        drawn = draw_subject(seed, klass).klass
    except (ValueError, FileExistsError) as error:
        raise DbsweepError(str(error)) from error
    except OSError as error:
        raise DbsweepError(f"{out} cannot be written ({error.strerror}); choose another folder") from error
    typer.echo(f"{len(paths)} photo{'' if len(paths) == 1 else 's'} of a {drawn} in {out}")


def main() -> NoReturn:
    """Entry point of the `dbsweep` command.

    Exit codes: 0 done; 1 the sweep ended without a choice; 2 wrong input, with one clear message; 130 interrupted.
    """
    try:
        app()
    except DbsweepError as error:
        typer.echo(f"dbsweep: {error}", err=True)
        sys.exit(2)
    sys.exit(0)
