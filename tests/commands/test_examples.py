"""The examples below the help of commands."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
from typer.main import get_command

from dbsweep.cli import app
from dbsweep.commands.examples import EXAMPLES, epilog

LINES = [line for name in EXAMPLES for line in re.sub(r"\\\n *", "", "\n".join(EXAMPLES[name])).splitlines()]


def leaves(command: Any, name: str = "") -> dict[str, Any]:
    """Commands that do something, by their words, hidden ones left out."""
    below = {word: each for word, each in getattr(command, "commands", {}).items() if not each.hidden}
    if not below:
        return {name.strip(): command}
    return {words: leaf for word, each in below.items() for words, leaf in leaves(each, f"{name} {word}").items()}


def test_every_command_has_examples_of_its_own() -> None:
    assert set(EXAMPLES) == {"", *leaves(get_command(app))}
    for name in set(EXAMPLES) - {""}:
        assert all(line.startswith((f"dbsweep {name}", "    --")) for line in EXAMPLES[name])


@pytest.mark.parametrize("line", LINES)
def test_an_example_is_a_command_line_that_is_taken(line: str) -> None:
    _, *words = shlex.split(line)
    name = next(name for name in leaves(get_command(app)) if words[: len(name.split())] == name.split())
    assert leaves(get_command(app))[name].make_context(name, words[len(name.split()) :])


@pytest.mark.parametrize("command", EXAMPLES)
def test_help_shows_the_examples_as_they_are_in_80_columns(dbsweep, monkeypatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = dbsweep(*command.split(), "--help")[1]
    assert [line.rstrip() for line in out.splitlines() if line.strip()][-len(EXAMPLES[command]) - 1 :] == [
        f" {line}" for line in epilog(command).splitlines()
    ]
