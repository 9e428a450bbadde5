"""Messages of faults, and the tree of errors as its docstring draws it."""

from __future__ import annotations

import re

import pytest

from dbsweep import errors
from dbsweep.errors import ConfigError, DbsweepError, Fault


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ([Fault("name", "is missing")], "a.yaml: name: is missing"),
        ([Fault("", "is empty")], "a.yaml: is empty"),
        ([Fault("name", "is missing"), Fault("", "odd")], "a.yaml: 2 faults\n  name: is missing\n  odd"),
    ],
)
def test_one_fault_is_a_line_and_several_are_a_list(faults: list[Fault], message: str) -> None:
    error = ConfigError("a.yaml", faults)
    assert str(error) == message
    assert (error.source, error.faults) == ("a.yaml", tuple(faults))


def test_the_docstring_draws_every_error_below_its_parent() -> None:
    drawn, above = {}, {0: DbsweepError.__name__}
    for branches, name in re.findall(r"^([│ ]*[├└]── )(\w+)", errors.__doc__ or "", re.MULTILINE):
        depth = len(branches) // 4
        drawn[name], above[depth] = above[depth - 1], name
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, DbsweepError)]
    assert drawn == {each.__name__: each.__base__.__name__ for each in classes if each is not DbsweepError}  # type: ignore[union-attr]
