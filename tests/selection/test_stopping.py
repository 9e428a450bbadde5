"""When a trial is ended."""

from __future__ import annotations

import pytest

from dbsweep.records.names import VerdictState
from dbsweep.records.results import Verdict
from dbsweep.selection.stopping import should_stop

STATES = {
    "L": VerdictState.LEARNING,
    "R": VerdictState.READY,
    "O": VerdictState.OVERTRAINED,
    "U": VerdictState.UNDERTRAINED,
    "C": VerdictState.COLLAPSED,
}


@pytest.mark.parametrize(
    ("history", "patience", "stop"),
    [
        ("", 0, False),
        ("LR", 0, False),
        ("LRO", 0, True),
        ("LRO", 1, False),
        ("LROO", 1, True),
        ("LOROR", 1, False),
        ("LORO", 1, False),
        ("OOO", 2, True),
        ("OO", 2, False),
        ("C", 0, False),  # a few images can be bad by chance
        ("CC", 0, True),
        ("LC", 0, False),
        ("LCL", 0, False),
        ("OC", 0, True),
        ("C", 1, False),
        ("LCL", 1, False),
        ("LCC", 1, True),
        ("LOC", 1, True),
        ("LRU", 0, False),
    ],
)
def test_should_stop(history: str, patience: int, stop: bool) -> None:
    verdicts = [Verdict(state=STATES[letter], onset_step=None, evidence="") for letter in history]
    assert should_stop(verdicts, patience) is stop


@pytest.mark.parametrize(("history", "stop"), [("OO", False), ("OC", False), ("CC", True)])
def test_an_overtrained_trial_may_go_on_where_that_is_asked_for(history: str, stop: bool) -> None:
    verdicts = [Verdict(state=STATES[letter], onset_step=None, evidence="") for letter in history]
    assert should_stop(verdicts, 1, stop_overtrained=False) is stop
