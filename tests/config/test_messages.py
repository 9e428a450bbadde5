"""Wording."""

from __future__ import annotations

import pytest

from dbsweep.config.messages import counted, did_you_mean, first_of, setting
from dbsweep.records.record import Scalar


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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2e-6, "2e-6"),
        (0.0002, "2e-4"),
        (1.25e-5, "1.25e-5"),
        (0.7, "0.7"),
        (0.0, "0"),
        (25, "25"),
        (True, "yes"),
        (False, "no"),
        ("cosine", "cosine"),
    ],
)
def test_setting(value: Scalar, text: str) -> None:
    assert setting(value) == text


def test_of_many_names_the_first_are_told():
    assert first_of(["a"]) == "a"
    assert first_of(["a", "b", "c"]) == "a, b, c"
    assert first_of(["a", "b", "c", "d"]) == "a, b, c, …"
    assert first_of(["a", "b"], most=1) == "a, …"
