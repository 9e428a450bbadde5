"""The command that goes on with prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbsweep.commands.output import print_note, print_whole


def find_ideas(
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="MODEL", help="A folder or hub id of a language model of transformers: GPT-2, …"
        ),
    ],
    prompts: Annotated[
        list[str] | None, typer.Argument(metavar="PROMPT", help="What every idea begins with, word for word.")
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option("--prompts", metavar="FILE", help="File of prompts, one per line; each is continued."),
    ] = None,
    count: Annotated[int, typer.Option(help="Ideas for each prompt.")] = 10,
    max_tokens: Annotated[
        int,
        typer.Option(help="Longest prompt in CLIP tokens; beyond 75 a second chunk begins."),
    ] = 75,
    temperature: Annotated[float, typer.Option(metavar="T", help="Higher is bolder and less coherent.")] = 0.9,
    top_k: Annotated[int, typer.Option(help="Choose among this many of the likeliest tokens; 0: all.")] = 8,
    top_p: Annotated[
        float, typer.Option(metavar="P", help="Choose among the likeliest tokens whose probabilities add up to P.")
    ] = 1.0,
    repetition_penalty: Annotated[float, typer.Option(metavar="X", help="Repetition penalty; 1: none.")] = 1.2,
    seed: Annotated[int, typer.Option(help="Another seed gives other ideas.")] = 0,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Folder or hub id of a tokenizer, for a model without one: distilbert/distilgpt2."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="New file for the ideas, which `dbsweep draw --prompts` reads.")
    ] = None,
) -> None:
    """Continue prompts with a language model: ideas for styles and details, one per line.

    Gustavosta/MagicPrompt-Stable-Diffusion is a model to begin with.
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
