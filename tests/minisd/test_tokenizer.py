"""Byte-pair merges are learnt as BPE learns them, and each rare token becomes one piece."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate

import pytest

from dbsweep.minisd.tokenizer import RARE_TOKENS, byte_letters, learn_merges, rare_merges


def test_every_byte_has_a_letter_of_its_own_and_plain_ones_stand_for_themselves() -> None:
    letters = byte_letters()
    assert len(letters) == len(set(letters)) == 256
    assert letters[:3] == ["!", '"', "#"]
    assert not any(letter.isspace() for letter in letters)


@pytest.mark.parametrize(
    ("counts", "merges", "expected"),
    [
        ({"ab": 2, "abc": 1}, 9, [("a", "b</w>"), ("a", "b"), ("ab", "c</w>")]),
        ({"ab": 1, "xy": 1}, 1, [("a", "b</w>")]),  # ties go to the alphabet
        ({"ab": 1, "xy": 2}, 1, [("x", "y</w>")]),
        ({"aaaa": 1}, 9, [("a", "a"), ("a", "a</w>"), ("aa", "aa</w>")]),
        ({"a": 5}, 9, []),
        ({}, 9, []),
    ],
    ids=str,
)
def test_the_most_frequent_pair_is_merged_first(
    counts: dict[str, int], merges: int, expected: list[tuple[str, str]]
) -> None:
    assert learn_merges(Counter(counts), merges) == expected


@pytest.mark.parametrize("token", RARE_TOKENS)
def test_a_rare_token_is_built_from_its_letters(token: str) -> None:
    pieces = [*token[:-1], f"{token[-1]}</w>"]
    assert ["".join(pair) for pair in rare_merges(token)] == list(accumulate(pieces))[1:]
