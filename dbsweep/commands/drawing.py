"""The command that draws a person's own prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbsweep.commands.options import RUNS, Runs
from dbsweep.commands.output import print_lines, print_note
from dbsweep.errors import InputError


def draw_prompts(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A run's chosen checkpoint (RUN), any of its checkpoints (RUN@b01-000120), or what base_model takes: "
            "minisd, a diffusers folder, a .safetensors or .ckpt file, a hub id.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER", help="Folder for the PNG files; pictures that are there already are not drawn again."
        ),
    ],
    prompts: Annotated[
        list[str] | None, typer.Option("--prompt", metavar="TEXT", help="Prompt to draw; may be repeated.")
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--prompts",
            metavar="FILE",
            help="A prompt a line, or flags, as A1111's script takes them: --prompt, --negative_prompt, --steps, "
            "--cfg_scale, --sampler_name, --seed, --width, --height, --batch_size, --n_iter, --tiling.",
        ),
    ] = None,
    pngs: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="PNG", help="Draw a picture again from its PNG info, with your changes."),
    ] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", metavar="", help="Draw all combinations of a prompt's parts between `|`.")
    ] = False,
    negative_prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Default: the run's evaluate settings.")
    ] = None,
    images_per_prompt: Annotated[
        int | None, typer.Option(min=1, help="Images of each prompt; image i uses seed + i.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Default: the run's evaluate settings.")] = None,
    iterate_seed: Annotated[
        bool, typer.Option("--iterate-seed", metavar="", help="Give each prompt its own seeds.")
    ] = False,
    steps: Annotated[int | None, typer.Option("--steps", "--num-inference-steps", help="Sampling steps.")] = None,
    cfg_scale: Annotated[float | None, typer.Option("--cfg-scale", "--guidance-scale", help="CFG scale.")] = None,
    sampler: Annotated[str | None, typer.Option(metavar="NAME", help="A1111's name of the sampler.")] = None,
    width: Annotated[
        int | None, typer.Option(help="Width in pixels; default: the size the model was trained at.")
    ] = None,
    height: Annotated[int | None, typer.Option(help="Height in pixels.")] = None,
    clip_skip: Annotated[int | None, typer.Option(min=1, help="A1111's Clip skip; default: the run's.")] = None,
    tiling: Annotated[
        bool, typer.Option("--tiling", metavar="", help="Make opposite edges fit together, for patterns.")
    ] = False,
    no_tiling: Annotated[
        bool, typer.Option("--no-tiling", metavar="", help="Turn tiling off, whatever the PNG of --from says.")
    ] = False,
    hires_scale: Annotated[
        float | None, typer.Option(metavar="X", help="Hires fix: enlarge X times in a second pass.")
    ] = None,
    hires_steps: Annotated[
        int | None, typer.Option(min=0, help="Steps of the second pass; default: 0, as many as in the first.")
    ] = None,
    denoising: Annotated[
        float | None, typer.Option(metavar="D", help="Denoising strength of the second pass, up to 1; default: 0.7.")
    ] = None,
    hires_upscaler: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="latent (default), latent-nearest, latent-bicubic, lanczos or another of A1111's upscalers that need "
            "no network.",
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures per batch; fewer if memory runs short.")] = 8,
    runs: Runs = RUNS,
) -> None:
    """Draw prompts with a run's checkpoint or any model. Run it again to continue after an interruption."""
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
