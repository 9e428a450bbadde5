"""Numbers that cannot be meant are refused by the name of their option."""

from __future__ import annotations

import math

import pytest

from dbsweep.errors import InputError
from dbsweep.prompting.settings import IdeaSettings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count": 0}, "--count 0: must be at least 1"),
        ({"max_tokens": -3}, "--max-tokens -3: must be at least 1"),
        ({"top_k": -1}, "--top-k -1: must be at least 0"),
        ({"seed": -1}, "--seed -1: must be at least 0"),
        ({"top_p": 0.0}, r"--top-p 0\.0: must be more than 0 and at most 1"),
        ({"top_p": 1.1}, r"--top-p 1\.1: must be more than 0 and at most 1"),
        ({"top_p": math.nan}, "--top-p nan: must be more than 0 and at most 1"),
        ({"temperature": 0.0}, r"--temperature 0\.0: must be more than 0, and a number"),
        ({"temperature": math.inf}, "--temperature inf: must be more than 0, and a number"),
        ({"temperature": math.nan}, "--temperature nan: must be more than 0, and a number"),
        ({"repetition_penalty": 0.0}, r"--repetition-penalty 0\.0: must be more than 0, and a number; 1 is no penalty"),
        ({"repetition_penalty": math.nan}, "--repetition-penalty nan: must be more than 0"),
    ],
)
def test_a_number_out_of_its_range_is_refused(wrong, message: str) -> None:
    with pytest.raises(InputError, match=message):
        IdeaSettings(**wrong)


def test_the_ends_of_ranges_are_taken() -> None:
    assert IdeaSettings(count=1, max_tokens=1, top_k=0, seed=0, top_p=1.0).top_k == 0
