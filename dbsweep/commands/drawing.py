"""The command that draws a person's own prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbsweep.commands.options import RUNS, Runs
from dbsweep.commands.output import print_lines, print_note
from dbsweep.errors import InputError

_SAMPLING = "Sampling"
_HIRES = "Hires fix"
_AS_EVALUATED = "as in `evaluate`"
_AS_TRAINED = "the model's size"


def draw_prompts(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="RUN for its chosen checkpoint, RUN@CHECKPOINT for any other, or what `base_model` takes: minisd, a "
            "diffusers folder, a .safetensors or .ckpt file, a hub id.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER", help="Folder for the PNG files; pictures that are already there are not drawn again."
        ),
    ],
    prompts: Annotated[
        list[str] | None,
        typer.Option("--prompt", metavar="TEXT", help="Prompt to draw, in A1111's notation; may be repeated."),
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--prompts",
            metavar="FILE",
            help="File with one prompt per line, or flags, as in A1111's script: --prompt, --negative_prompt, "
            "--steps, --cfg_scale, --sampler_name, --seed, --width, --height, --batch_size, --n_iter, --tiling.",
        ),
    ] = None,
    pngs: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="PNG", help="Picture to draw again from its PNG info, with your changes."),
    ] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", metavar="", help="Draw all combinations of the parts of a prompt between `|`.")
    ] = False,
    negative_prompt: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            rich_help_panel=_SAMPLING,
            help="Negative prompt.",
            show_default=_AS_EVALUATED,
        ),
    ] = None,
    images_per_prompt: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Images per prompt.", show_default=f"{_AS_EVALUATED}; 1 with --from"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=_SAMPLING,
            help="Seed; image i uses seed + i.",
            show_default=_AS_EVALUATED,
        ),
    ] = None,
    iterate_seed: Annotated[
        bool,
        typer.Option(
            "--iterate-seed", metavar="", rich_help_panel=_SAMPLING, help="Give each prompt seeds of its own."
        ),
    ] = False,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            "--num-inference-steps",
            metavar="N",
            rich_help_panel=_SAMPLING,
            help="Sampling steps.",
            show_default=_AS_EVALUATED,
        ),
    ] = None,
    cfg_scale: Annotated[
        float | None,
        typer.Option(
            "--cfg-scale",
            "--guidance-scale",
            metavar="X",
            rich_help_panel=_SAMPLING,
            help="CFG scale.",
            show_default=_AS_EVALUATED,
        ),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_SAMPLING,
            help="Sampler, by A1111's name, such as `Euler a`.",
            show_default=_AS_EVALUATED,
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(metavar="PIXELS", rich_help_panel=_SAMPLING, help="Width.", show_default=_AS_TRAINED),
    ] = None,
    height: Annotated[
        int | None,
        typer.Option(metavar="PIXELS", rich_help_panel=_SAMPLING, help="Height.", show_default=_AS_TRAINED),
    ] = None,
    clip_skip: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, rich_help_panel=_SAMPLING, help="A1111's Clip skip.", show_default="the run's, or 1"
        ),
    ] = None,
    tiling: Annotated[
        bool,
        typer.Option("--tiling", metavar="", rich_help_panel=_SAMPLING, help="Make opposite edges join, for patterns."),
    ] = False,
    no_tiling: Annotated[
        bool,
        typer.Option(
            "--no-tiling", metavar="", rich_help_panel=_SAMPLING, help="Turn off the tiling of a --from picture."
        ),
    ] = False,
    hires_scale: Annotated[
        float | None,
        typer.Option(metavar="X", rich_help_panel=_HIRES, help="Draw X times larger, in a second pass."),
    ] = None,
    hires_steps: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            rich_help_panel=_HIRES,
            help="Steps of the second pass; 0: as many as in the first.",
            show_default="0",
        ),
    ] = None,
    denoising: Annotated[
        float | None,
        typer.Option(
            metavar="D",
            rich_help_panel=_HIRES,
            help="Denoising strength of the second pass, up to 1.",
            show_default="0.7",
        ),
    ] = None,
    hires_upscaler: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_HIRES,
            help="latent, latent-nearest, latent-bicubic, lanczos, or another upscaler of A1111's that needs no model "
            "file.",
            show_default="latent",
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(metavar="N", min=1, help="Pictures per batch; fewer if memory runs short.")
    ] = 8,
    runs: Runs = RUNS,
) -> None:
    """Draw your own prompts with a run, a checkpoint or any base model.

    Run it again to continue after an interruption.
    """
    from dbsweep.commands.counting import making_many
    from dbsweep.config.messages import counted
    from dbsweep.config.unread import refuse_unread
    from dbsweep.sampling.settings import DrawSettings
    from dbsweep.sweep.drawing import Asked, draw_pictures

    if tiling and no_tiling:
        raise InputError("--tiling and --no-tiling exclude each other: give one of them")
    if not pngs:
        refuse_unread({"--no-tiling": no_tiling}, "for what a PNG of --from says, and nothing else tiles unasked")
    if pngs and not prompts and not files:
        of_prompts = {"--matrix": matrix, "--iterate-seed": iterate_seed}
        refuse_unread(of_prompts, "for prompts, and a PNG of --from has one of its own")
    if negative_prompt and not files and cfg_scale == 1.0:  # a line may have a scale of its own
        refuse_unread({"--negative-prompt": negative_prompt}, "not read at --cfg-scale 1", "give more, or leave it out")
    settings = DrawSettings(
        negative_prompt=negative_prompt,
        images_per_prompt=images_per_prompt,
        seed=seed,
        guidance_scale=cfg_scale,
        num_inference_steps=steps,
        sampler=sampler,
        width=width,
        height=height,
        clip_skip=clip_skip,
        tiling=tiling or (False if no_tiling else None),
        hires_scale=hires_scale,
        hires_steps=hires_steps,
        denoising=denoising,
        hires_upscaler=hires_upscaler,
    )
    asked = Asked(prompts or (), files or (), pngs or (), matrix, iterate_seed, settings)
    with making_many("picture", f"all pictures in {out} are whole, and the same command draws the rest.") as count:
        drawn = draw_pictures(model, runs, out, asked, batch_size=batch_size, note=print_note, progress=count)
    there = f", {drawn.there:,} there already" if drawn.there else ""
    print_note(f"{counted(drawn.new, 'picture')} drawn{there}")
    print_lines([str(out)])
