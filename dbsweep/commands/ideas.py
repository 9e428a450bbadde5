"""The command that goes on with prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbsweep.commands.output import print_note, print_whole


def find_ideas(
    model: Annotated[
        str,
        typer.Option("--model", metavar="MODEL", help="Folder or hub id of a language model, such as GPT-2."),
    ],
    prompts: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROMPT", help="Prompts to continue; every idea begins with one, word for word."),
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option("--prompts", metavar="FILE", help="File of prompts to continue, one per line."),
    ] = None,
    count: Annotated[int, typer.Option(metavar="N", help="Ideas for each prompt.")] = 10,
    max_tokens: Annotated[
        int,
        typer.Option(metavar="N", help="Longest prompt, in CLIP tokens; a second chunk begins after 75."),
    ] = 75,
    temperature: Annotated[
        float, typer.Option(metavar="T", help="Sampling temperature; higher is bolder and less coherent.")
    ] = 0.9,
    top_k: Annotated[int, typer.Option(metavar="N", help="Choose among the N likeliest tokens; 0: all.")] = 8,
    top_p: Annotated[
        float,
        typer.Option(
            metavar="P", help="Choose among the likeliest tokens that together have this probability; 1: all."
        ),
    ] = 1.0,
    repetition_penalty: Annotated[
        float, typer.Option(metavar="X", help="Penalty for words that were already used; 1: none.")
    ] = 1.2,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed; another one gives other ideas.")] = 0,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Folder or hub id of a tokenizer, if the model has none: distilbert/distilgpt2."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="New file to write, for `dbsweep draw --prompts`.")
    ] = None,
) -> None:
    """Continue a prompt with a language model, for ideas.

    Prints one idea per line. A good model to begin with is
    Gustavosta/MagicPrompt-Stable-Diffusion.
    """
    from dbsweep.commands.counting import making_many
    from dbsweep.config.messages import counted
    from dbsweep.prompting.settings import IdeaSettings
    from dbsweep.sweep.ideas import Asked, find_all_ideas

    settings = IdeaSettings(count, max_tokens, temperature, top_k, top_p, repetition_penalty, seed)
    asked = Asked(prompts or (), files or (), settings, out)
    with making_many("idea", "nothing is written; the same command finds the same ideas.") as progress:
        ideas = find_all_ideas(model, tokenizer, asked, note=print_note, progress=progress)
    print_whole(ideas)
    print_note(counted(len(ideas), "idea") + ("" if out is None else f" in {out}"))
