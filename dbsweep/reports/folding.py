"""Lines as wide as a terminal: sentences are broken between words, where a terminal would break within them."""

from __future__ import annotations

import re
import textwrap
from typing import Final

_COMMAND: Final = re.compile(r"`[^`]*`|(?:^|(?<=: ))(?:dbsweep|mlflow) [^;]*")
"""What is to be copied: between backticks, or what a sentence ends with, or the whole line."""

_GLUE: Final = "\ue000"
"""Stands for the spaces of a command; a character that no text has."""


def fold(line: str, width: int | None) -> list[str]:
    """The line in parts of at most `width` characters; whole where the width is None.

    Commands, long words and what is laid out in columns, by two spaces, stay whole, so that they can be copied.
    """
    words = line.lstrip(" ")
    if width is None or len(line) <= width or "  " in words:
        return [line]
    indent = " " * (len(line) - len(words))
    parts = textwrap.wrap(
        _COMMAND.sub(lambda found: found[0].replace(" ", _GLUE), words),
        width,
        initial_indent=indent,
        subsequent_indent=indent + ("  " if words.startswith("- ") else ""),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [part.replace(_GLUE, " ") for part in parts]
