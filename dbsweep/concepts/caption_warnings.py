"""Captions that teach something else than their author may think, and those that nobody reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from dbsweep.concepts.captions import METADATA, as_drawn, class_prompts, read_captions, read_file
from dbsweep.concepts.class_images import own_class_images
from dbsweep.concepts.photo_sets import held_out_photos, training_photos
from dbsweep.config.concept import FILEWORDS, Concept, contains_words
from dbsweep.config.messages import counted
from dbsweep.errors import InputError

_NAMED = 3

_NOTATION = re.compile(r"\([^()]*:\s*[\d.]+\s*\)|\{[^{}]*\|[^{}]*\}|<\w+:[^<>]*>")
"""Weights, choices and networks in the prompts of other programs; in training they are text."""


def caption_warnings(concept: Concept) -> tuple[str, ...]:
    """One sentence for each kind of fault.

    Raises:
        InputError: a caption of a photo is asked for and missing.
    """
    return (*_of_photos(concept), *_of_class_images(concept))


def _of_photos(concept: Concept) -> Iterator[str]:
    if FILEWORDS not in concept.instance_prompt:
        class_prompts(concept)
        as_drawn(concept, str)  # both raise where a caption is missing
        if not concept.reads_captions:
            yield from _unread(training_photos(concept), "instance_prompt")
        return
    photos = (*training_photos(concept), *held_out_photos(concept))
    read_captions(photos)  # raises for all that are missing
    files = _files(photos)
    yield from _of_the_subject(concept, files)
    yield from _as_text(files)


def _of_the_subject(concept: Concept, files: Mapping[str, str]) -> Iterator[str]:
    """What captions of photos say of it."""
    token, noun, is_hybrid = concept.instance_token, concept.class_token, concept.captions == "hybrid"
    prompt_names_it = contains_words(
        concept.instance_prompt, token
    )  # then captions need not: "[filewords], ohwx style"
    holding = [name for name, text in files.items() if contains_words(text, token)]
    if lacking := [name for name, text in files.items() if not (prompt_names_it or contains_words(text, noun))]:
        then = "the subject is put in front" if is_hybrid else "nothing ties them to it"
        yield f"{_some(lacking)} without the class word {noun!r}: {then}; better say what the photo shows"
    if holding and prompt_names_it:
        yield f"{_some(holding)} with the token {token!r}, which instance_prompt names too: leave it out there"
    elif holding and is_hybrid:
        yield (
            f"{_some(holding)} with the token {token!r}: leave it out, it is put before the class word; or set"
            " captions: fine_tuning, which takes all as they are"
        )
    if not holding and not is_hybrid and not prompt_names_it:
        yield f"no caption has the token {token!r}, and fine_tuning adds none: prompts with it mean nothing"


def _of_class_images(concept: Concept) -> Iterator[str]:
    """Of the user's own; what is missing of those that train is an error elsewhere."""
    images, token, noun = own_class_images(concept), concept.instance_token, concept.class_token
    if not images:
        return
    if FILEWORDS not in concept.class_prompt:
        yield from (f"class images: {sentence}" for sentence in _unread(images, "class_prompt"))
        return
    files = _files(images)
    if holding := [name for name, text in files.items() if contains_words(text, token)]:
        yield (
            f"class images: {_some(holding)} with the token {token!r}, by which they are trained as the subject;"
            " leave it out there"
        )
    if lacking := [name for name, text in files.items() if not contains_words(text, noun)]:
        yield f"class images: {_some(lacking)} without the class word {noun!r}, which they should keep as it is; add it"
    yield from (f"class images: {sentence}" for sentence in _as_text(files))


def _as_text(files: Mapping[str, str]) -> Iterator[str]:
    """What other trainers choose from or weigh by."""
    if several := [name for name, text in files.items() if len(text.split("\n")) > 1]:
        yield f"{_some(several)} of several lines, which are joined: if each is a caption by itself, keep one"
    found = {name: match.group() for name, text in files.items() if (match := _NOTATION.search(text)) is not None}
    if found:
        first = next(iter(found.values()))
        yield f"{_some([*found])} with notation such as {first!r}, which is trained as it stands: leave it out"


def _unread(images: Sequence[Path], prompt: str) -> Iterator[str]:
    """That captions lie beside images where nothing reads them; other trainers would, unasked."""
    beside = [image.with_suffix(suffix) for image in images for suffix in (".txt", ".caption")]
    names = [path.name for path in beside if path.is_file()]
    if names:
        are, they = ("is", "it") if len(names) == 1 else ("are", "they")
        yield f"{_some(names)} {are} not read: put {FILEWORDS} into {prompt} if {they} should be"
    elif (images[0].parent / METADATA).is_file():
        yield f"{METADATA} is not read: put its captions into a .txt beside each image, and {FILEWORDS} into {prompt}"


def _files(images: Sequence[Path]) -> dict[str, str]:
    """The captions that can be read, by the names of their files, in their lines."""
    found = {}
    for image in images:
        with suppress(InputError):
            if text := read_file(image).strip():
                found[image.with_suffix(".txt").name] = text
    return found


def _some(names: Sequence[str]) -> str:
    """``1 caption (a.txt)``, ``5 captions (a.txt, b.txt, c.txt, …)``."""
    shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    return f"{counted(len(names), 'caption')} ({shown})"
