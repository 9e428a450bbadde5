"""A1111's prompt grammar: attention weights, escapes and BREAK.

``(x)`` weighs 1.1 times, ``[x]`` 1/1.1 times, ``(x:1.4)`` 1.4 times; nested weights multiply and an unclosed
bracket lasts to the end. ``\\(``, ``\\)``, ``\\[``, ``\\]`` and ``\\\\`` are the characters themselves.
``BREAK`` ends a chunk of 75 tokens. Prompt editing (``[a:b:0.5]``, ``[a|b]``) and ``AND`` are not read yet: their
characters are taken literally. The rules are those of ``parse_prompt_attention`` in A1111's ``prompt_parser.py``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from dbsweep.errors import DbsweepError

ROUND_WEIGHT = 1.1
SQUARE_WEIGHT = 1 / 1.1

_TOKEN = re.compile(r"\\[()\[\]\\]|\\|\(|\[|:\s*([+-]?[.\d]+)\s*\)|\)|\]|[^\\()\[\]:]+|:")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")
_SPECIAL = re.compile(r"[()\[\]\\]")


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of text and its attention weight."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Break:
    """The end of a chunk, wished for by the person."""


Part: TypeAlias = Fragment | Break


def parse(prompt: str) -> tuple[Part, ...]:
    """The prompt's fragments in order; neighbours of equal weight are one fragment, and there is at least one part.

    Never fails: what is no valid bracket or weight is text.
    """
    parts: list[Part] = []
    open_round: list[int] = []
    open_square: list[int] = []
    for match in _TOKEN.finditer(prompt):
        token, weight = match.group(0), _number(match.group(1))
        if token[0] == "\\" and len(token) == 2:
            parts.append(Fragment(token[1]))
        elif token == "(":
            open_round.append(len(parts))
        elif token == "[":
            open_square.append(len(parts))
        elif weight is not None and open_round:
            _weigh(parts, open_round.pop(), weight)
        elif token == ")" and open_round:
            _weigh(parts, open_round.pop(), ROUND_WEIGHT)
        elif token == "]" and open_square:
            _weigh(parts, open_square.pop(), SQUARE_WEIGHT)
        else:
            parts.extend(_split_breaks(token))
    for start in open_round:
        _weigh(parts, start, ROUND_WEIGHT)
    for start in open_square:
        _weigh(parts, start, SQUARE_WEIGHT)
    return _merged(parts)


def plain_text(prompt: str) -> str:
    """The words of a prompt as a person reads them: without weights and BREAK, `\\(` as the character itself."""
    words = "".join(part.text if isinstance(part, Fragment) else " " for part in parse(prompt))
    return " ".join(words.split())


def escape(text: str) -> str:
    """The text with a backslash before each bracket and backslash, so that `parse` reads it back unweighted."""
    return _SPECIAL.sub(lambda match: "\\" + match.group(0), text)


def weight_words(prompt: str, word: str, weight: float) -> str:
    """The prompt with every occurrence of ``word`` weighted: ``photo of (ohwx man:1.2), ink poster style``.

    Args:
        word: one or several words, matched as whole words, in any case. Where they are in brackets already, the
            weights multiply.

    Raises:
        DbsweepError: the prompt does not contain the word; the message names it.
    """
    whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    if not word.strip() or not whole.search(prompt):
        raise DbsweepError(f"cannot weight {word!r}: the prompt {prompt!r} does not contain it; check its spelling")
    return whole.sub(lambda match: f"({match.group(0)}:{_decimal(weight)})", prompt)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:  # "1.2.3": not a number, so the bracket is text, as A1111 takes what it cannot parse
        return None


def _decimal(weight: float) -> str:
    # The grammar knows no exponents.
    return f"{weight:.4f}".rstrip("0").rstrip(".")


def _weigh(parts: list[Part], start: int, weight: float) -> None:
    for index in range(start, len(parts)):
        part = parts[index]
        if isinstance(part, Fragment):
            parts[index] = Fragment(part.text, part.weight * weight)


def _split_breaks(text: str) -> list[Part]:
    parts: list[Part] = []
    for index, piece in enumerate(_BREAK.split(text)):
        if index > 0:
            parts.append(Break())
        parts.append(Fragment(piece))
    return parts


def _merged(parts: list[Part]) -> tuple[Part, ...]:
    merged: list[Part] = []
    for part in parts:
        last = merged[-1] if merged else None
        if isinstance(part, Fragment) and isinstance(last, Fragment) and last.weight == part.weight:
            merged[-1] = Fragment(last.text + part.text, part.weight)
        else:
            merged.append(part)
    return tuple(merged) or (Fragment(""),)
