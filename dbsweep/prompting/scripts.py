"""What the scripts of the world have for words: which letters begin one behind a prompt, and where a text is cut."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

_WITHOUT_SPACES: Final = (
    range(0x0E00, 0x1000),  # Thai, Lao, Tibetan
    range(0x1000, 0x10A0),  # Myanmar
    range(0x1780, 0x1800),  # Khmer
    range(0x3040, 0x3130),  # kana, Bopomofo
    range(0x31F0, 0x3200),  # kana of Ainu
    range(0x3400, 0x4DC0),  # ideographs, here and below
    range(0x4E00, 0xA000),
    range(0xF900, 0xFB00),
    range(0xFF66, 0xFFA0),  # narrow kana
    range(0x20000, 0x32000),
)
"""Code points of scripts that write words without spaces between them, so that each letter may begin one."""

_JOINERS: Final = "-_\u200d\ufffd"
_BYTE: Final = re.compile(r"<0x([0-9A-F]{2})>")
"""How tokenizers of SentencePiece name a byte."""


def begins_anew(text: str) -> bool:
    """Whether a text behind a word begins something new, and does not make the word longer; none does not."""
    if not text or text[0] in _JOINERS or unicodedata.category(text[0]).startswith("M"):
        return False
    return not text[0].isalnum() or _is_without_spaces(text[0])


def may_begin_anew(token: str) -> bool:
    """Whether letters that begin a new word begin with the bytes of a token, which are no whole letter."""
    return _bytes_of(token) in _beginnings()


def without_last_word(text: str) -> str:
    """The text up to its last space; of a script without spaces, without its last letter."""
    end = len(text)
    while end and text[end - 1] != " " and not _is_without_spaces(text[end - 1]):
        end -= 1
    return text[: max(end - 1, 0)] if end == len(text) else text[:end].removesuffix(" ")


def _is_without_spaces(letter: str) -> bool:
    return any(ord(letter) in letters for letters in _WITHOUT_SPACES)


def _bytes_of(token: str) -> bytes:
    """Of a byte-level tokenizer's token, or one that stands for a byte; empty for others."""
    if (named := _BYTE.fullmatch(token)) is not None:
        return bytes([int(named[1], 16)])
    numbers = _numbers()
    return bytes(numbers[letter] for letter in token) if all(letter in numbers for letter in token) else b""


@cache
def _numbers() -> dict[str, int]:
    """The byte that each letter of a byte-level tokenizer stands for."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode  # takes seconds

    return {letter: number for number, letter in bytes_to_unicode().items()}


@cache
def _beginnings() -> frozenset[bytes]:
    """The bytes with which letters of those scripts begin in UTF-8, all but the last of each."""
    letters = (chr(number).encode() for numbers in _WITHOUT_SPACES for number in range(numbers.start, numbers.stop, 16))
    return frozenset(letter[:length] for letter in letters for length in range(1, len(letter)))
