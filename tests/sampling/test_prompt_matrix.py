"""The prompt matrix is A1111's."""

from __future__ import annotations

import pytest

from dbsweep.errors import InputError
from dbsweep.sampling.prompt_matrix import matrix_prompts


def test_the_combinations_are_a1111s_in_its_order() -> None:
    """Its wiki's example; combination i takes part n where bit n of i is set: the first changes fastest."""
    assert matrix_prompts("a busy city street in a modern city|illustration|cinematic lighting") == (
        "a busy city street in a modern city",
        "a busy city street in a modern city, illustration",
        "a busy city street in a modern city, cinematic lighting",
        "a busy city street in a modern city, illustration, cinematic lighting",
    )


def test_three_parts_are_eight_prompts_by_their_bits() -> None:
    assert [prompt.replace(", ", "") for prompt in matrix_prompts("-|a|b|c")] == [
        "-", "-a", "-b", "-ab", "-c", "-ac", "-bc", "-abc",
    ]  # fmt: skip


def test_spaces_and_commas_around_a_part_are_dropped_as_there() -> None:
    assert matrix_prompts("photo of man | ,red hair, |neon") == (
        "photo of man",
        "photo of man, red hair",
        "photo of man, neon",
        "photo of man, red hair, neon",
    )


def test_a_prompt_without_parts_is_itself() -> None:
    assert matrix_prompts("photo of ohwx man") == ("photo of ohwx man",)


def test_a_slip_does_not_make_millions_of_prompts() -> None:
    assert len(matrix_prompts("a" + "|b" * 10)) == 1024
    with pytest.raises(InputError, match=r"a matrix of 31 parts would be 2\^30 prompts: take fewer"):
        matrix_prompts("a" + "|b" * 30)
