"""The command that writes captions beside photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dbsweep.commands.output import print_lines, print_note


def caption_photos(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders of photos or class images.")],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Folder or hub id of a GIT, BLIP, BLIP-2 or Florence-2 model, or of a WD14 tagger.",
        ),
    ],
    class_word: Annotated[
        str | None,
        typer.Option(
            metavar="WORD", help="List the captions that lack this word: your class_token, such as man or dog."
        ),
    ] = None,
    if_there: Annotated[
        Literal["skip", "overwrite", "append", "prepend"],
        typer.Option(
            metavar="WHAT",
            help="What to do with a caption that exists: skip it, overwrite it, or add to it (append, prepend).",
        ),
    ] = "skip",
    prefix: Annotated[str, typer.Option(metavar="TEXT", help="Text before each caption.")] = "",
    suffix: Annotated[str, typer.Option(metavar="TEXT", help="Text after each caption.")] = "",
    replace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OLD=NEW",
            help="Replace a tag, or whole words of a sentence; an empty NEW removes them. May be repeated.",
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Beginning of each sentence (GIT, BLIP), question (BLIP-2), or task (Florence-2: <DETAILED_CAPTION>).",
        ),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, max=400, help="Longest sentence, in tokens; default: 50.")
    ] = None,
    beams: Annotated[int | None, typer.Option(min=1, help="Beams of the beam search; default: 1.")] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Least probability of a tag; default: 0.35.")
    ] = None,
    character_threshold: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Least probability of a character's name; default: as for other tags."),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", "--batch", min=1, help="Photos per batch; fewer if memory runs short.")
    ] = 8,
) -> None:
    """Write a caption beside each photo that has none. Run it again to continue after an interruption.

    Of captioners microsoft/git-large-coco is one to begin with, of taggers SmilingWolf/wd-vit-tagger-v3.
    """
    from dbsweep.captioning.telling import Telling
    from dbsweep.captioning.wording import Wording, parse_replacements
    from dbsweep.commands.counting import making_many
    from dbsweep.config.messages import counted
    from dbsweep.errors import InputError
    from dbsweep.sweep.captioning import Asked, caption_folders

    asked = Asked(
        Telling(max_tokens, beams, prompt, threshold, character_threshold),
        Wording(prefix, suffix, parse_replacements(replace or ())),
        if_there,
        class_word,
    )
    with making_many("photo", "all captions are whole, and the same command goes on.") as count:
        done = caption_folders(folders, model, asked, batch_size=batch_size, note=print_note, progress=count)
    print_lines([f"{photo}: {caption}" for photo, caption in done.captions.items()])
    there = f", {done.there:,} there already" if done.there else ""
    print_note(f"{counted(len(done.captions), 'caption')} written{there}")
    for sentence in done.warnings:
        print_note(sentence)
    if done.unreadable:
        fix = f"replace or remove {'it' if len(done.unreadable) == 1 else 'them'}"
        raise InputError(f"{'; '.join(done.unreadable)}: {fix}")
