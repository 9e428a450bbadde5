"""The command that writes captions beside photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dbsweep.commands.output import print_lines, print_note

_SENTENCES = "Captioners (GIT, BLIP, BLIP-2, Florence-2)"
_TAGS = "Taggers (WD14)"


def caption_photos(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folders of photos or class images.")],
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
        typer.Option(metavar="WORD", help="List captions without this word: your `class_token`, such as man or dog."),
    ] = None,
    if_there: Annotated[
        Literal["skip", "overwrite", "append", "prepend"],
        typer.Option(
            metavar="ACTION",
            help="What to do if a photo has a caption: skip it, overwrite it, append to it or prepend to it.",
        ),
    ] = "skip",
    prefix: Annotated[str, typer.Option(metavar="TEXT", help="Text to put before each caption.")] = "",
    suffix: Annotated[str, typer.Option(metavar="TEXT", help="Text to put after each caption.")] = "",
    replace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OLD=NEW",
            help="Replace a tag, or whole words of a sentence. An empty NEW removes them; may be repeated.",
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            rich_help_panel=_SENTENCES,
            help="Beginning of each sentence (GIT, BLIP), question (BLIP-2), or task (Florence-2: <DETAILED_CAPTION>).",
        ),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=400,
            rich_help_panel=_SENTENCES,
            help="Longest sentence, in tokens.",
            show_default="50",
        ),
    ] = None,
    beams: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, rich_help_panel=_SENTENCES, help="Beams of the beam search.", show_default="1"
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            min=0.0,
            max=1.0,
            rich_help_panel=_TAGS,
            help="Lowest probability of a tag.",
            show_default="0.35",
        ),
    ] = None,
    character_threshold: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            min=0.0,
            max=1.0,
            rich_help_panel=_TAGS,
            help="Lowest probability of a character's name.",
            show_default="as for tags",
        ),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch-size", "--batch", metavar="N", min=1, help="Photos per batch; fewer if memory runs short."
        ),
    ] = 8,
) -> None:
    """Write a caption beside each photo, with a captioner or a tagger.

    Good models to begin with: microsoft/git-large-coco (sentences) and
    SmilingWolf/wd-vit-tagger-v3 (tags). Run it again to continue after an
    interruption.
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
