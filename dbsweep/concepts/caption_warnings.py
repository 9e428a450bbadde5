"""Captions that teach something else than their author may think, and those that nobody reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from dbsweep.concepts.caption_files import (
    METADATA,
    caption_file,
    caption_name,
    metadata_captions,
    overlooked_file,
    read_file,
)
from dbsweep.concepts.captions import as_drawn, class_prompts, read_captions
from dbsweep.concepts.class_images import own_class_images
from dbsweep.concepts.photo_sets import held_out_photos, training_photos
from dbsweep.config.concept import FILEWORDS, Concept, contains_words
from dbsweep.config.messages import counted, first_of
from dbsweep.config.train import Train
from dbsweep.errors import InputError

_NOTATION = re.compile(r"\([^()]*:\s*[\d.]+\s*\)|\{[^{}]*\|[^{}]*\}|<\w+:[^<>]*>")
"""Weights, choices and networks in the prompts of other programs; in training they are text."""


def caption_warnings(concept: Concept) -> tuple[str, ...]:
    """One sentence for each kind of fault.

    Raises:
        InputError: a caption of a photo is asked for and missing.
    """
    return (*_of_photos(concept), *_of_class_images(concept))


def folder_warnings(photos: Sequence[Path], noun: str | None) -> tuple[str, ...]:
    """What `caption_warnings` will say of photos that no experiment names yet, where it puts the subject into them.

    Args:
        noun: the class word that captions should have; None where nobody has said it.
    """
    files = _files(photos)
    lacking = () if noun is None else _lacking_noun(files, noun)
    return (*lacking, *_as_text(files), *_beside_each_other(photos))


def lost_token(concept: Concept, trains: Iterable[Train]) -> str | None:
    """That trials may leave the token out of captions that are trained as they are, for the plan; None where none may.

    Into the other captions the subject is put after tags are left out of them.
    """
    token = concept.instance_token
    kept = min((train.keep_tags for train in trains if train.tag_dropout > 0.0), default=None)
    if kept is None or concept.captions == "hybrid" or contains_words(concept.instance_prompt, token):
        return None
    places = {
        name: [contains_words(tag, token) for tag in text.split(",")].index(True)
        for name, text in _files(training_photos(concept)).items()
        if contains_words(text, token)
    }
    losing = [name for name, place in places.items() if place >= kept]
    if not losing:
        return None
    first = "" if max(places.values()) == 0 else "let it stand first, and "
    return f"train.tag_dropout may leave the token {token!r} out of {_some(losing)}: {first}set train.keep_tags: 1"


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
    yield from _beside_each_other(photos)


def _of_the_subject(concept: Concept, files: Mapping[str, str]) -> Iterator[str]:
    """What captions of photos say of it."""
    token, noun, is_hybrid = concept.instance_token, concept.class_token, concept.captions == "hybrid"
    holding = [name for name, text in files.items() if contains_words(text, token)]
    if contains_words(concept.instance_prompt, token):  # then captions need not: "[filewords], ohwx style"
        if holding:
            yield f"{_some(holding)} with the token {token!r}, which instance_prompt names too: leave it out there"
        return
    yield from _lacking_noun(files, noun, token, is_hybrid=is_hybrid)
    if not holding and not is_hybrid:
        yield (
            f"no caption has the token {token!r}, and fine_tuning adds none: prompts with it mean nothing; write it"
            " into them, or set captions: hybrid, which puts it there"
        )


def _lacking_noun(
    files: Mapping[str, str], noun: str, token: str | None = None, *, is_hybrid: bool = True
) -> Iterator[str]:
    """Which captions of photos lack the class word, and what becomes of them; without the token as if none had it."""
    lacking = [name for name, text in files.items() if not contains_words(text, noun)]
    holding = [name for name in lacking if token is not None and contains_words(files[name], token)]
    named = [name for name in lacking if is_hybrid and name not in holding]
    fix = f"better write {noun} there, or make class_token the word that stands for it"
    subject = f"the token with {noun!r}" if token is None else repr(f"{token} {noun}")
    if named:
        yield f"{_some(named)} without the class word {noun!r}: {subject} is put in front; {fix}"
    if as_they_are := [name for name in lacking if name not in named]:
        are = _are(as_they_are)
        yield f"{_some(as_they_are)} without the class word {noun!r} {are} trained as {_they(as_they_are)} {are}; {fix}"


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
    yield from (f"class images: {sentence}" for sentence in (*_as_text(files), *_beside_each_other(images)))


def _as_text(files: Mapping[str, str]) -> Iterator[str]:
    """What other trainers choose from or weigh by."""
    if several := [name for name, text in files.items() if len(text.split("\n")) > 1]:
        yield f"{_some(several)} of several lines, which are joined: if each is a caption by itself, keep one"
    found = {name: match.group() for name, text in files.items() if (match := _NOTATION.search(text)) is not None}
    if found:
        first = next(iter(found.values()))
        yield f"{_some([*found])} with notation such as {first!r}, which is trained as it stands: leave it out"


def _beside_each_other(images: Sequence[Path]) -> Iterator[str]:
    """Of captions that are there and are not those of a picture."""
    further = {image: path.name for image in images if (path := overlooked_file(image)) is not None}
    if further:
        names = [f"{image.name} in {METADATA}" if name == METADATA else name for image, name in further.items()]
        counts = caption_name(next(iter(further)))
        yield (
            f"{_some(names)} {_are(names)} not read, because {counts} is and says something else: keep what you mean"
        )
    for folder in {image.parent: None for image in images if caption_file(image) == image.parent / METADATA}:
        if gone := [path.name for path in metadata_captions(folder) if not path.exists()]:
            yield f"{_some(gone)} in {METADATA} {_are(gone)} of no picture in its folder, and passed over"


def _unread(images: Sequence[Path], prompt: str) -> Iterator[str]:
    """That there are captions which nothing reads; other trainers would, unasked."""
    names = list(dict.fromkeys(path.name for image in images if (path := caption_file(image)) is not None))
    if names == [METADATA]:
        yield f"{METADATA} is not read: put {FILEWORDS} into {prompt} if its captions should be"
    elif names:
        yield f"{_some(names)} {_are(names)} not read: put {FILEWORDS} into {prompt} if {_they(names)} should be"


def _files(images: Sequence[Path]) -> dict[str, str]:
    """The captions that can be read, by what they are called, in their lines."""
    found = {}
    for image in images:
        with suppress(InputError):
            if text := read_file(image).strip():
                found[caption_name(image)] = text
    return found


def _some(names: Sequence[str]) -> str:
    """``1 caption (a.txt)``, ``5 captions (a.txt, b.txt, c.txt, …)``."""
    return f"{counted(len(names), 'caption')} ({first_of(names)})"


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _they(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "they"
