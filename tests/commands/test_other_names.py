"""Names that commands have in other programs."""

from __future__ import annotations

import pytest

from dbsweep.cli import app
from dbsweep.commands.other_names import OTHER_NAMES


@pytest.mark.parametrize(("there", "here"), OTHER_NAMES.items())
def test_a_command_of_another_trainer_is_told_by_our_name(dbsweep, there: str, here: str) -> None:
    code, _, err = dbsweep(there, "my_face.yaml", "--network_dim=4")
    said = f"dbsweep: there is no command {there}; it is called {here} here: see `dbsweep {here} --help`\n"
    assert (code, err) == (2, said)


def test_none_of_them_is_in_the_help(dbsweep) -> None:
    out = dbsweep("--help")[1]
    assert " train " not in out
    assert " trials " in out


def test_each_stands_for_a_command() -> None:
    named = [command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands]
    assert len(named) == len(set(named))
    assert set(OTHER_NAMES.values()) <= set(named)
