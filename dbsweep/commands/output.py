"""What is printed for people and programs that read on: stdout has nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence


def print_json(value: object) -> None:
    """Writes a value as indented JSON."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def print_lines(lines: Sequence[str]) -> None:
    """Writes text, a line each."""
    sys.stdout.write("\n".join(lines) + "\n")
