"""Signals that end a command do as Ctrl-C does."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from dbsweep.commands.interrupts import ended_as_by_ctrl_c


@pytest.fixture(autouse=True)
def as_in_a_terminal() -> Iterator[None]:
    """A shell's background jobs, of which these tests may be one, ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_heard_and_ends_what_is_done_and_the_handlers_are_those_of_before(number: signal.Signals) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    heard: list[str] = []
    with pytest.raises(KeyboardInterrupt), ended_as_by_ctrl_c(lambda: heard.append("stop")):
        signal.raise_signal(number)
    assert heard == ["stop"]
    assert {each: signal.getsignal(each) for each in before} == before


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_as_by_ctrl_c(lambda: pytest.fail("heard")):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
