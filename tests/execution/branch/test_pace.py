"""A long phase is told of now and then with how fast it goes, a short one not at all."""

from __future__ import annotations

from dbsweep.execution.backend import Decision
from dbsweep.execution.branch.pace import INTERVAL_S, Pace
from dbsweep.records.events import AtWork, Event
from tests.reports.two_branches import Clock


def paced() -> tuple[Pace, Clock, list[Event]]:
    clock, told = Clock(), list[Event]()

    def emit(event: Event) -> Decision:
        told.append(event)
        return Decision.GO_ON

    return Pace("b01", emit, clock), clock, told


def test_steps_are_told_once_an_interval_at_the_pace_of_their_phase() -> None:
    pace, clock, told = paced()
    pace.begin(100)
    clock.now += INTERVAL_S / 2
    pace.trained(101)  # the first is slow, and so is not timed
    for step in range(102, 151):
        clock.now += INTERVAL_S / 20
        pace.trained(step)
    # 20 steps an interval: after another 10 and after 30.
    assert told == [AtWork(branch="b01", step=step, per_s=20 / INTERVAL_S) for step in (111, 131)]


def test_pictures_are_counted_anew_and_their_last_batch_is_not_told() -> None:
    pace, clock, told = paced()
    pace.begin(0)
    for drawn in (16, 32, 48):
        clock.now += INTERVAL_S
        pace.drawn(40, drawn, 48)
    assert told == [AtWork(branch="b01", step=40, drawn=d, to_draw=48, per_s=16 / INTERVAL_S) for d in (16, 32)]


def test_a_phase_that_begins_has_been_silent_for_no_time() -> None:
    pace, clock, told = paced()
    for first in (0, 10, 20):
        pace.begin(first)
        for step in (first + 1, first + 2):
            clock.now += INTERVAL_S * 0.45
            pace.trained(step)
    assert told == []
