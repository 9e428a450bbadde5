"""What is printed for people and programs that read on: stdout has nothing else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

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
    """Writes text, a line each."""
    sys.stdout.write("\n".join(lines) + "\n")
