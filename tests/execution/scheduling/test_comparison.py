"""Who ends a branch, by whichever scheduler: not its own end, and not against what was decided before."""

from __future__ import annotations

from typing import Any

import pytest

from dbsweep.execution.jobs import Decided
from dbsweep.execution.scheduling.comparison import Ending
from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.names import BASE, TrialState
from tests.execution.on_paper import ASHA, OUTRUN, RUN, alone, ends, jobs_of, replay, scored


def test_without_a_scheduler_all_of_them_go_on() -> None:
    assert set(ends(replay(jobs_of(RUN, scheduler="none"))).values()) == {(TrialState.COMPLETED, 80)}


@pytest.mark.parametrize("search", [ASHA, OUTRUN], ids=["asha", "outrun"])
def test_the_last_checkpoint_ends_nothing_and_others_are_held_against_it(search: dict[str, Any]) -> None:
    job = jobs_of(RUN, **search)[0]
    ending = Ending(job.sweep.experiment, make_scorecard(BASE, UNTRAINED))
    to_epoch_4 = tuple(each for each in job.branch.milestones if each.epoch <= 4)
    short = job.model_copy(update={"branch": job.branch.model_copy(update={"milestones": to_epoch_4})})
    asked = [(alone(short, "best"), 9e-4), (alone(short, "done"), 1.2e-4), (alone(job, "long"), 1e-4)]
    told = [ending.end(each, scored(each.branch.id, 4, rate)) for each, rate in asked]
    assert [reason is None for reason in told] == [True, True, False]


@pytest.mark.parametrize(("search", "ended_at"), [(ASHA, 20), (OUTRUN, 40)], ids=["asha", "outrun"])
def test_what_was_decided_before_an_interruption_stands(search: dict[str, Any], ended_at: int) -> None:
    """Now the worst runs first: alone it would go on. The second had gone on before, the third had not."""
    before = {
        "b04": Decided(until=ended_at, reason=f"{search['scheduler']}: too low"),
        "b02": Decided(until=80, reason=""),
    }
    again = tuple(
        each.model_copy(update={"decided": before.get(each.branch.id)}) for each in reversed(jobs_of(RUN, **search))
    )
    found = ends(replay(again))
    assert found["b04"] == (TrialState.STOPPED, ended_at)
    assert found["b02"] == (TrialState.COMPLETED, 80)


@pytest.mark.parametrize("search", [ASHA, OUTRUN], ids=["asha", "outrun"])
def test_what_was_decided_where_nothing_was_looked_at_stands(search: dict[str, Any]) -> None:
    job = jobs_of(RUN, **search)[0]
    ended = job.model_copy(update={"decided": Decided(until=50, reason=f"{search['scheduler']}: too low")})
    ending = Ending(job.sweep.experiment, make_scorecard(BASE, UNTRAINED))
    told = [ending.end(ended, scored("b01", n, 9e-4).model_copy(update={"scorecard": None})) for n in (4, 5)]
    assert told == [None, f"{search['scheduler']}: too low"]
