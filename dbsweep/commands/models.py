"""Commands that write and name model files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dbsweep.commands.options import RUNS, Runs
from dbsweep.commands.output import print_lines, print_note
from dbsweep.config.unread import refuse_unread

if TYPE_CHECKING:  # these load more than --help needs
    from dbsweep.sweep.exporting import Format, PrecisionName


def write_model(
    name: str, runs: Path, out: Path, form: Format, precision: PrecisionName | None, with_captions: bool = True
) -> None:
    """Writes a model; progress goes to stderr, the hash that A1111 will show to stdout."""
    from dbsweep.sweep.exporting import export_checkpoint

    done = export_checkpoint(
        name, runs, out, form=form, precision=precision, with_captions=with_captions, note=print_note
    )
    print_note(f"Model written to {done.path}")
    if done.model_hash is not None:
        print_lines([f"Model hash: {done.model_hash}"])


def export_model(
    checkpoint: Annotated[
        str,
        typer.Argument(metavar="RUN[@CHECKPOINT]", help="RUN for its chosen checkpoint, RUN@CHECKPOINT for any other."),
    ],
    out: Annotated[Path, typer.Option(metavar="PATH", help="File or folder to write; must not exist.")],
    form: Annotated[
        Literal["single-file", "diffusers", "lora", "peft"],
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="single-file: one .safetensors file for A1111, ComfyUI and Forge; diffusers: a folder; lora: a LoRA "
            "file in kohya's format; peft: a LoRA or DoRA file for diffusers.",
        ),
    ] = "single-file",
    precision: Annotated[
        Literal["fp16", "bf16", "fp32"] | None,
        typer.Option(metavar="TYPE", help="fp16, bf16 or fp32.", show_default="that of the checkpoint"),
    ] = None,
    no_captions: Annotated[
        bool,
        typer.Option("--no-captions", metavar="", help="Leave prompts and captions out of a LoRA file's header."),
    ] = False,
    runs: Runs = RUNS,
) -> None:
    """Write a checkpoint as a model for other programs."""
    if form != "lora":
        refuse_unread({"--no-captions": no_captions}, f"for --format lora, and files of {form} tell no captions")
    write_model(checkpoint, runs, out, form, precision, not no_captions)


def merge_models(
    custom: Annotated[
        str, typer.Argument(metavar="CUSTOM", help="Model to add to: a run, or what `base_model` takes.")
    ],
    trained: Annotated[str, typer.Argument(metavar="TRAINED", help="RUN or RUN@CHECKPOINT; with --base, any model.")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="PATH",
            help="File or folder to write; must not exist. With several multipliers, each is added to the name.",
        ),
    ],
    multipliers: Annotated[
        list[float],
        typer.Option("--multiplier", metavar="M", help="How much to add; may be repeated, for one model each."),
    ] = [0.75],  # noqa: B006  # typer's way to tell the default of a list
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="MODEL", help="Model that TRAINED started from.", show_default="its run's"),
    ] = None,
    form: Annotated[
        Literal["single-file", "diffusers"],
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="single-file: one .safetensors file for A1111, ComfyUI and Forge; diffusers: a folder.",
        ),
    ] = "single-file",
    precision: Annotated[
        Literal["fp16", "bf16", "fp32"], typer.Option(metavar="TYPE", help="fp16, bf16 or fp32.")
    ] = "fp16",
    runs: Runs = RUNS,
) -> None:
    """Put a trained subject into another model, without training.

    Writes CUSTOM + M * (TRAINED - its base model): A1111's "Add difference".
    """
    from dbsweep.sweep.merging import Recipe, merge

    recipe = Recipe(custom, trained, base, multipliers)
    for done in merge(recipe, runs, out, form=form, precision=precision, note=print_note):
        print_note(f"Model written to {done.path}")
        if done.hashes is not None:
            print_lines([f"{done.hashes.short}  {done.hashes.old}  {done.path}"])


def hash_models(files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Model files.")]) -> None:
    """Print the hashes that A1111 shows for model files.

    One line per file: new hash, old hash, path. A LoRA has one hash, as in
    A1111's `Lora hashes`. Unchanged files are not read again.
    """
    from dbsweep.models.hash_cache import file_hashes, lora_file_hash

    for file in files:
        lora = lora_file_hash(file)
        if lora is not None:
            print_lines([f"{lora}  {file}"])
            continue
        found = file_hashes(file)
        print_lines([f"{found.short}  {found.old}  {file}"])
