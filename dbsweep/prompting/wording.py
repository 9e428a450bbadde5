"""What is kept of a language model's words: in one line, whole phrases, brackets that have their partners."""

from __future__ import annotations

import re
from collections.abc import Callable

from dbsweep.prompting.scripts import without_last_word

_BRACKET = re.compile(r"\\.|[()\[\]]")
_COMMAS = ",，、،"
_LOOSE_ENDS = f" ;:|/\\&+-；：{_COMMAS}"
"""With what no idea ends."""


def as_prompt(text: str) -> str:
    """A person's prompt in one line, its words and brackets as they are."""
    return " ".join(text.split())


def tidy(said: str) -> str:
    """A model's words up to the end of their line: single spaces, one comma in place of several.

    Brackets without a partner are left out: they would weigh what follows, or nothing.
    """
    lines = said.splitlines()
    line = (
        "".join(letter if letter.isprintable() else " " for letter in lines[0] if letter != "\ufffd") if lines else ""
    )
    line = re.sub(r"\s+", " ", partnered(line))
    return re.sub(r"( ?,)+", ",", line)


def partnered(text: str) -> str:
    r"""The text without brackets that nothing opens or closes; `\(` is no bracket."""
    waiting: dict[str, list[int]] = {")": [], "]": []}
    alone: set[int] = set()
    for match in _BRACKET.finditer(text):
        bracket, place = match[0], match.start()
        if bracket in "([":
            waiting[")" if bracket == "(" else "]"].append(place)
        elif bracket in waiting:
            if waiting[bracket]:
                waiting[bracket].pop()
            else:
                alone.add(place)
    alone.update(*waiting.values())
    return "".join(letter for place, letter in enumerate(text) if place not in alone)


def fitting(prompt: str, said: str, most: int, count: Callable[[str], int], *, is_whole: bool) -> str | None:
    """The prompt and what a model has said behind it, as far as it fits; None where no words are left.

    Args:
        prompt: as `as_prompt` gives it; stands at the beginning as it is.
        said: as `tidy` gives it.
        most: of the tokens that ``count`` finds in a prompt.
        is_whole: whether the model had come to its end. What is cut ends with its last comma, or where it has none
            with its last whole word, so that no half phrase is left; scripts without spaces are cut between letters.
    """
    if not is_whole:
        said = without_last_word(said)
    while said and count(prompt + _ended(said, is_whole)) > most:
        said, is_whole = without_last_word(said), False
    said = _ended(said, is_whole)
    return prompt + said if any(letter.isalnum() for letter in said) else None


def _ended(said: str, is_whole: bool) -> str:
    last = max(map(said.rfind, _COMMAS))
    if not is_whole and said[: last + 1].strip(_LOOSE_ENDS):
        said = said[:last]
    return partnered(said).rstrip(_LOOSE_ENDS)
