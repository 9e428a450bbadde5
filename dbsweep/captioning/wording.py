"""What is written of a captioner's words: replaced, with more around them, beside what a file has already."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dbsweep.concepts.captions import tidy
from dbsweep.errors import InputError

IfThere: TypeAlias = Literal["skip", "overwrite", "append", "prepend"]
"""What to do with a caption that is there: where it stays, the new words go behind it, or before it."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How a person wants captions.

    Attributes:
        prefix, suffix: stand before and behind each.
        replacements: words and what is written in their place, one pair after another; nothing leaves them out.
    """

    prefix: str = ""
    suffix: str = ""
    replacements: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """InputError for what is no text: bytes of a command line that are not UTF-8."""
        for text in (self.prefix, self.suffix, *(new for _, new in self.replacements)):
            if any("\udc80" <= character <= "\udcff" for character in text):
                raise InputError(f"{text!r} is not UTF-8, so it cannot be part of a caption: type it anew")

    def caption(self, words: Sequence[str], *, are_tags: bool) -> str:
        """The text of a caption; empty where nothing is said.

        Args:
            words: tags, or one sentence.
            are_tags: a replacement is of a whole tag ("hair" is none of "black hair"), and commas stand between;
                else of whole words, in any case.
        """
        for old, new in self.replacements:
            words = [_replaced(each, old, new, are_tags) for each in words]
        said = [each for each in dict.fromkeys(words) if each]
        parts = (self.prefix.strip(), *said, self.suffix.strip())
        return (", " if are_tags else " ").join(part for part in parts if part) if said else ""


def _replaced(words: str, old: str, new: str, is_tag: bool) -> str:
    if is_tag:
        return new if words.casefold() == old.casefold() else words
    return tidy(re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", lambda _: new, words, flags=re.IGNORECASE))


def parse_replacements(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of ``OLD=NEW``.

    Raises:
        InputError: there is no ``=``, or nothing before it.
    """
    pairs = []
    for each in given:
        old, equals, new = each.partition("=")
        if not equals or not old.strip():
            raise InputError(f"--replace {each!r} is not OLD=NEW: write 1boy=man, or watermark= to leave words out")
        pairs.append((old.strip(), new.strip()))
    return tuple(pairs)


def beside(existing: str, caption: str, if_there: IfThere, *, are_tags: bool) -> str:
    """A caption together with what the file has; what it has already is not written again.

    So the same command goes on where it was interrupted.

    Args:
        existing: in one line; empty where nothing is there.
    """
    if not existing or if_there == "overwrite":
        return caption
    if if_there == "skip":
        return existing
    has = {part.strip().casefold() for part in existing.split(",")}
    new = [part for part in _parts(caption, are_tags) if part.casefold() not in has]
    if not new or (not are_tags and caption in existing):
        return existing
    return ", ".join([existing, *new] if if_there == "append" else [*new, existing])


def _parts(caption: str, are_tags: bool) -> list[str]:
    return [part.strip() for part in caption.split(",")] if are_tags else [caption]
