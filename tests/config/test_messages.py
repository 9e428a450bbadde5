"""Wording."""

from __future__ import annotations

import pytest

from dbsweep.config.messages import counted, did_you_mean


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (1, "trial", "1 trial"),
        (24, "trial", "24 trials"),
        (0, "epoch", "0 epochs"),
        (1840, "step", "1,840 steps"),
        (1, "branch", "1 branch"),
        (3, "branch", "3 branches"),
    ],
)
def test_counts_agree_with_their_noun(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text


@pytest.mark.parametrize(
    ("word", "most", "text"),
    [
        ("b01-00012", 1, "did you mean `b01-000012`?"),
        ("b01-00012", 2, "did you mean `b01-000012` or `b02-000012`?"),
        ("b01-00012", 3, "did you mean `b01-000012`, `b02-000012` or `b01-000006`?"),
        ("last", 3, "allowed: b01-000006, b01-000012, b02-000012, b03-000006"),
    ],
)
def test_the_nearest_are_offered(word: str, most: int, text: str) -> None:
    assert did_you_mean(word, ["b01-000006", "b01-000012", "b02-000012", "b03-000006"], most) == text
