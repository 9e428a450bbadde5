"""`python -m dbsweep.minisd.train --out DIR` makes MiniSD again from a seed; a killed run goes on where it was."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from dbsweep.minisd.recipe import Recipe
from dbsweep.minisd.stages import (
    autoencoder_stage,
    clip_stage,
    decoder_stage,
    denoiser_stage,
    renders_stage,
    say,
    text_stage,
    tokenizer_stage,
)

STAGES: Final[dict[str, Callable[[Recipe, Path], Any]]] = {
    "renders": renders_stage,
    "tokenizer": tokenizer_stage,
    "autoencoder": autoencoder_stage,
    "decoder": decoder_stage,
    "clip": clip_stage,
    "text": text_stage,
    "denoiser": denoiser_stage,
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; every number of the recipe is an option."""
    parser = argparse.ArgumentParser(prog="python -m dbsweep.minisd.train", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and results")
    parser.add_argument("--stage", choices=[*STAGES, "all"], default="all", help="what to make (default: all)")
    for field in fields(Recipe):
        option = "--" + field.name.replace("_", "-")
        parser.add_argument(option, type=int, default=field.default, metavar="N", help=f"default: {field.default}")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the chosen stages in order."""
    options = parse(arguments)
    recipe = Recipe(**{field.name: getattr(options, field.name) for field in fields(Recipe)})
    for name, stage in STAGES.items():
        if options.stage in (name, "all"):
            say(f"stage {name}")
            stage(recipe, options.out)
    say(f"done: {options.out / 'pipeline'} and {options.out / 'clip'}")


if __name__ == "__main__":
    main()
