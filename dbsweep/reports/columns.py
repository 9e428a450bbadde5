"""Tables of plain text: columns as wide as their widest cell, numbers below each other."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

_NUMBER: Final = re.compile(r"[−-]?\d[\d.,]*(e-?\d+)?")
_NONE: Final = "–"
"""The cell of a column of numbers that has none here."""

_HEAD: Final = 8
"""Characters of a column's name beyond which it takes another line, unless a cell is as wide."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table; names of several words are stacked above narrow columns."""
    body = [tuple(row) for row in rows]
    cells = list(zip(*body, strict=True)) if body else [() for _ in header]
    names = [_stacked(name, column) for name, column in zip(header, cells, strict=True)]
    height = max(len(name) for name in names)
    columns = [[""] * (height - len(name)) + name + list(column) for name, column in zip(names, cells, strict=True)]
    lines = zip(*(_aligned(column, right=_is_numeric(column[height:])) for column in columns), strict=True)
    return ["  ".join(line).rstrip() for line in lines]


def _stacked(name: str, column: Sequence[str]) -> list[str]:
    width = max(_HEAD, *(len(cell) for cell in column), 0)
    return textwrap.wrap(name, width, break_long_words=False) or [""]


def _aligned(column: Sequence[str], *, right: bool) -> list[str]:
    width = max(len(cell) for cell in column)
    return [cell.rjust(width) if right else cell.ljust(width) for cell in column]


def _is_numeric(column: Sequence[str]) -> bool:
    numbers = [cell for cell in column if cell != _NONE]
    return bool(numbers) and all(_NUMBER.fullmatch(cell) for cell in numbers)
