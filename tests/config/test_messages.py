"""Wording."""

from __future__ import annotations

import pytest

from dbsweep.config.messages import counted


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
