"""The names of the weights in a ``.ckpt``, found without unpickling it, which could run code; needs no torch."""

from __future__ import annotations

import re
from pathlib import Path

_PICKLE_BYTES = 2**22
"""More than the names of a model's weights take; torch writes them, uncompressed, before the weights."""

_TEXT = re.compile(rb"(?=(?:X(..)\0\0|\x8c(.))([\w.]+))", re.DOTALL)
"""A text of up to 65,535 bytes in a pickle (BINUNICODE, SHORT_BINUNICODE): its length, and at least as much of it.

Texts may overlap what only looks like one: a number of 0x8c before them, say.
"""


def names_in_pickle(path: Path) -> frozenset[str]:
    """What may be a weight's name among the texts at the beginning of a ``.ckpt``, zipped or older."""
    with path.open("rb") as stream:
        beginning = stream.read(_PICKLE_BYTES)
    found = ((text, int.from_bytes(long or short, "little")) for long, short, text in _TEXT.findall(beginning))
    return frozenset(text[:length].decode("ascii") for text, length in found if length <= len(text))
