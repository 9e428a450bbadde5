"""All problems of a section are raised together, each at its place."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from dbsweep.config.problems import Problems


class Colour(StrEnum):
    RED = "red"


RATE: TypeAdapter[float] = TypeAdapter(Annotated[float, Field(gt=0)])


def told(problems: Problems) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(ValidationError, match="for search") as refused:
        problems.refuse("search")
    return [(error["loc"], error["msg"]) for error in refused.value.errors()]


def test_where_nothing_is_wrong_nothing_is_refused() -> None:
    problems = Problems()
    assert problems.check_all(RATE, [1, "0.5"], ("learning_rate",)) == (1.0, 0.5)
    problems.refuse("search")


def test_every_problem_is_told_at_its_place_and_what_is_right_is_kept() -> None:
    problems = Problems()
    assert problems.check_all(RATE, [-1.0, 2.0, "x"], ("learning_rate",)) == (None, 2.0, None)
    problems.add(("epochs", 0), "must not be {braces}")
    assert problems.check(RATE, 0, ("rate",), "; leave it out") is None
    assert told(problems) == [
        (("learning_rate", 0), "must be greater than 0, got -1.0"),
        (("learning_rate", 2), "must be a number, got 'x'"),
        (("epochs", 0), "must not be {braces}"),
        (("rate",), "must be greater than 0, got 0; leave it out"),
    ]


def test_an_enum_is_given_as_its_plain_value() -> None:
    found = Problems().check(TypeAdapter(Colour), "red", ("colour",))
    assert (found, type(found)) == ("red", str)
