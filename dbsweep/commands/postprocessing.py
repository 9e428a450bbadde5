"""The command that makes pictures larger and restores faces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbsweep.commands.output import print_lines, print_note

_UPSCALING = "Upscaling"
_FACES = "Face restoration"


def upscale_pictures(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Pictures, or folders of pictures.")],
    upscaler: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_UPSCALING,
            help="Upscaler model (.safetensors, .pth): ESRGAN, Real-ESRGAN, SwinIR and others.",
        ),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            min=0.1,
            max=16.0,
            rich_help_panel=_UPSCALING,
            help="Factor for width and height.",
            show_default="the model's",
        ),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            min=0,
            rich_help_panel=_UPSCALING,
            help="Tile size, in pixels; smaller if memory runs short. 0: no tiles.",
            show_default="320",
        ),
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            min=0,
            rich_help_panel=_UPSCALING,
            help="Overlap of neighbouring tiles, in pixels.",
            show_default="32",
        ),
    ] = None,
    restore_faces: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_FACES,
            help="Face restoration model: GFPGAN, RestoreFormer. Needs --face-detector.",
        ),
    ] = None,
    visibility: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            min=0.0,
            max=1.0,
            rich_help_panel=_FACES,
            help="How much of the restored face is blended in.",
            show_default="1",
        ),
    ] = None,
    face_detector: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_FACES,
            help="Face detector: YuNet from OpenCV's model zoo (.onnx).",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER", help="Folder for the PNG files; pictures that are already there are not made again."
        ),
    ] = Path("upscaled"),
) -> None:
    """Enlarge pictures, restore faces, or both.

    Run it again to continue after an interruption.
    """
    from dbsweep.commands.counting import making_many
    from dbsweep.config.messages import counted
    from dbsweep.config.unread import refuse_unread
    from dbsweep.sweep.postprocessing import Postprocessing, postprocess_pictures

    if upscaler is None:
        refuse_unread({"--tile": tile, "--overlap": overlap}, "for --upscaler", "add that, or leave it out")
    if tile == 0:
        refuse_unread({"--overlap": overlap}, "what tiles share, and --tile 0 makes none")
    if restore_faces is None:
        of_faces = {"--face-detector": face_detector, "--visibility": visibility}
        refuse_unread(of_faces, "for --restore-faces", "add that, or leave it out")
    asked = Postprocessing(
        upscaler,
        scale,
        tile=Postprocessing.tile if tile is None else tile,
        overlap=Postprocessing.overlap if overlap is None else overlap,
        restorer=restore_faces,
        detector=face_detector,
        visibility=Postprocessing.visibility if visibility is None else visibility,
    )
    with making_many(
        "picture" if upscaler is None else "tile",
        f"all pictures in {out} are whole, and the same command makes the rest.",
    ) as count:
        done = postprocess_pictures(paths, out, asked, note=print_note, progress=count)
    there = f", {done.there:,} there already" if done.there else ""
    print_note(f"{counted(done.new, 'picture')} written{there}")
    print_lines([str(out)])
