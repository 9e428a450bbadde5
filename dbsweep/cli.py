"""The command line: its commands by name, and the exit code; what is printed for machines goes to stdout alone."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from dbsweep import __version__
from dbsweep.commands.captioning import caption_photos
from dbsweep.commands.drawing import draw_prompts
from dbsweep.commands.examples import epilog
from dbsweep.commands.ideas import find_ideas
from dbsweep.commands.minisd import subject
from dbsweep.commands.models import export_model, hash_models, merge_models
from dbsweep.commands.other_names import add_other_names
from dbsweep.commands.output import print_note
from dbsweep.commands.photos import prepare_photos
from dbsweep.commands.postprocessing import upscale_pictures
from dbsweep.commands.runs import best, choose, list_runs, report, track, trials
from dbsweep.commands.streams import outlive_readers
from dbsweep.commands.sweeps import plan, resume, run
from dbsweep.errors import DbsweepError, NoChoiceError
from dbsweep.models.durable import is_full
from dbsweep.models.places import broken_link

_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)

app = typer.Typer(
    name="dbsweep",
    help="Sweep DreamBooth trainings of Stable Diffusion, and see which checkpoint to keep and why.",
    epilog=epilog(),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
minisd_app = typer.Typer(help="Draw photos of made-up subjects, to try things on.", no_args_is_help=True)
app.add_typer(minisd_app, name="minisd", rich_help_panel="Try it out")

_COMMANDS: Final[Mapping[str, Mapping[str, Callable[..., None]]]] = {
    "Prepare photos": {"photos": prepare_photos, "caption": caption_photos},
    "Sweep": {"plan": plan, "run": run, "resume": resume, "runs": list_runs},
    "See and choose": {"best": best, "trials": trials, "choose": choose, "report": report, "track": track},
    "Use the model": {
        "export": export_model,
        "draw": draw_prompts,
        "ideas": find_ideas,
        "upscale": upscale_pictures,
        "merge": merge_models,
        "hash": hash_models,
    },
}
"""The commands, by their heading in the help."""


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"dbsweep {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", metavar="", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Holds the options that belong to no command."""


for _heading, _commands in _COMMANDS.items():
    for _name, _command in _commands.items():
        app.command(_name, rich_help_panel=_heading, epilog=epilog(_name))(_command)
minisd_app.command(epilog=epilog("minisd subject"))(subject)
add_other_names(app)


def main() -> NoReturn:
    """Entry point of the `dbsweep` command.

    Exit codes: 0 done; 1 the sweep ended, now or before, without a choice; 2 wrong input, with one clear message; 130
    interrupted.
    """
    outlive_readers()
    _let_libraries_warn()
    try:
        app()
    except DbsweepError as error:
        print_note(f"dbsweep: {error}")
        sys.exit(1 if isinstance(error, NoChoiceError) else 2)
    except OSError as error:
        message = _mendable(error)
        if message is None:
            raise
        print_note(f"dbsweep: {message}")
        sys.exit(2)
    sys.exit(0)


def _let_libraries_warn() -> None:
    """Takes `PYTHONWARNINGS` from this process and its workers.

    Whoever has warnings raised there means programs of their own; torch, diffusers and MLflow warn as they work.
    """
    if os.environ.pop("PYTHONWARNINGS", None) is not None:
        warnings.resetwarnings()
        warnings.simplefilter("ignore")


def _mendable(error: OSError) -> str | None:
    """What a person can mend of what the system refuses; None for the rest, a fault of ours with its traceback."""
    if not _stands_somewhere():
        return "the folder in which you stand does not exist any more: go to another one (cd)"
    if error.filename is not None and error.errno in _FORBIDDEN:
        return (
            f"{error.filename} may not be read or written ({error.strerror}): change its permissions, or name another"
            " place"
        )
    if error.errno == errno.ENAMETOOLONG:
        return f"{error.filename} is too long a name ({error.strerror}): give a shorter one"
    if error.filename is not None and (why := broken_link(Path(os.fsdecode(error.filename)))) is not None:
        return why
    if is_full(error):
        return f"no disk space left ({error.strerror}): free some and try again"
    return None


def _stands_somewhere() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True
