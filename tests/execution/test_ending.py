"""What an error of one branch means for that branch and for the sweep."""

from __future__ import annotations

import pytest

from dbsweep.errors import ChangedError, DbsweepError, DiskError, DivergedError, ModelError, TrialError
from dbsweep.execution.ending import ended_by, stops_all
from dbsweep.records.names import TrialState, VerdictState


@pytest.mark.parametrize("error", [TrialError("why"), ModelError("why"), DivergedError("why")])
def test_what_one_branch_suffers_from_ends_it_as_failed(error: DbsweepError) -> None:
    end = ended_by(error, "b02", 7)
    assert (end.branch, end.state, end.last_step, end.reason) == ("b02", TrialState.FAILED, 7, "why")
    assert stops_all(end) is None


@pytest.mark.parametrize("error", [DiskError("why"), ChangedError("why")])
def test_what_every_branch_would_suffer_from_ends_the_sweep(error: DbsweepError) -> None:
    end = ended_by(error, "b02", 7)
    assert (end.branch, end.state, end.last_step, end.verdict) == ("b02", TrialState.INTERRUPTED, 7, None)
    told = stops_all(end)
    assert type(told) is type(error)
    assert str(told) == "why"


def test_a_loss_that_is_no_number_is_a_collapse_from_the_next_step_on() -> None:
    verdict = ended_by(DivergedError("the loss is not finite"), "b02", 7).verdict
    assert verdict is not None
    assert (verdict.state, verdict.onset_step) == (VerdictState.COLLAPSED, 8)
    assert verdict.evidence == "the loss is not finite"
    assert ended_by(TrialError("another"), "b02", 7).verdict is None
