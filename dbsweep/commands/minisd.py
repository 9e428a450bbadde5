"""Commands of the embedded model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dbsweep.errors import DbsweepError


def subject(
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Number that decides the subject.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the photos; must be new or empty.")],
    klass: Annotated[
        Literal["man", "woman", "robot"] | None,
        typer.Option("--class", metavar="CLASS", help="man, woman or robot.", show_default="by the seed"),
    ] = None,
    photos: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Number of photos.")] = 12,
) -> None:
    """Draw photos of a made-up subject, to teach it to MiniSD."""
    from dbsweep.config.messages import counted
    from dbsweep.minisd.subject import draw_subject, write_subject_photos

    try:
        paths = write_subject_photos(seed, klass, photos, out)
        drawn = draw_subject(seed, klass).klass
    except (ValueError, FileExistsError) as error:
        raise DbsweepError(str(error)) from error
    except OSError as error:
        raise DbsweepError(f"{out} cannot be written ({error.strerror}); choose another folder") from error
    typer.echo(f"{counted(len(paths), 'photo')} of a {drawn} in {out}")
