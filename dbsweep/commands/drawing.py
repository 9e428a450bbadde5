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
        Path, typer.Option(metavar="FOLDER", help="Folder of the PNG files; what it has already is not drawn again.")
    ],
    prompts: Annotated[
        list[str] | None, typer.Option("--prompt", metavar="TEXT", help="What to draw; may be given several times.")
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
        typer.Option("--from", metavar="PNG", help="Draw a picture again from its PNG info, but for what you change."),
    ] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", metavar="", help="Draw all combinations of a prompt's parts between `|`.")
    ] = False,
    negative_prompt: Annotated[str | None, typer.Option(metavar="TEXT", help="Default: as the run's evaluate.")] = None,
    images_per_prompt: Annotated[int | None, typer.Option(min=1, help="Image i has seed + i.")] = None,
    seed: Annotated[int | None, typer.Option(help="Default: as the run's evaluate.")] = None,
    iterate_seed: Annotated[
        bool, typer.Option("--iterate-seed", metavar="", help="Each prompt has seeds of its own.")
    ] = False,
    steps: Annotated[int | None, typer.Option("--steps", "--num-inference-steps", help="Sampling steps.")] = None,
    cfg_scale: Annotated[float | None, typer.Option("--cfg-scale", "--guidance-scale", help="CFG scale.")] = None,
    sampler: Annotated[str | None, typer.Option(metavar="NAME", help="A1111's name of the sampler.")] = None,
    width: Annotated[int | None, typer.Option(help="Pixels; default: as the model was trained.")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    clip_skip: Annotated[int | None, typer.Option(min=1, help="A1111's Clip skip; default: the run's.")] = None,
    tiling: Annotated[bool, typer.Option("--tiling", metavar="", help="Opposite edges join, for patterns.")] = False,
    no_tiling: Annotated[
        bool, typer.Option("--no-tiling", metavar="", help="They do not, whatever the PNG of --from says.")
    ] = False,
    hires_scale: Annotated[
        float | None, typer.Option(metavar="X", help="Hires fix: X times larger by a second pass.")
    ] = None,
    hires_steps: Annotated[
        int | None, typer.Option(min=0, help="Of the second pass; default: 0, as many as of the first.")
    ] = None,
    denoising: Annotated[
        float | None, typer.Option(metavar="D", help="How much the second pass draws anew, up to 1; default: 0.7.")
    ] = None,
    hires_upscaler: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="latent (default), latent-nearest, latent-bicubic, lanczos or another of A1111's without a network.",
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures drawn at once; fewer where memory is short.")] = 8,
    runs: Runs = RUNS,
) -> None:
    """Draw prompts with a run's checkpoint or any model; what was interrupted goes on by the same command."""
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
