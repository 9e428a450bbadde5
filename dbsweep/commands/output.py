"""What is printed for people and programs that read on: stdout has nothing else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from dbsweep.reports.folding import fold

_OUTPUT = (1, 2)
"""File descriptors of stdout and stderr."""


def write_nowhere() -> None:
    """From here on stdout and stderr are lost: who read them has gone, and each further line would be an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in _OUTPUT:
        os.dup2(nowhere, stream)


def print_json(value: object) -> None:
    """Writes a value as indented JSON."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def print_lines(lines: Sequence[str]) -> None:
    """Writes text, a line each; sentences are broken between words where a terminal is narrower."""
    _write(sys.stdout, lines)


def print_whole(lines: Sequence[str]) -> None:
    """Writes lines that are copied from a terminal: it breaks them itself, and copies them as one."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def print_note(text: str) -> None:
    """Writes a sentence, or several lines, to stderr: what is said beside the answer."""
    _write(sys.stderr, text.splitlines())


def width_of(stream: TextIO) -> int | None:
    """Characters of a line where the stream is a terminal that tells it, else None."""
    return (os.get_terminal_size(stream.fileno()).columns or None) if stream.isatty() else None


def _write(stream: TextIO, lines: Sequence[str]) -> None:
    width = width_of(stream)
    stream.write("".join(f"{part}\n" for line in lines for part in fold(line, width)))
