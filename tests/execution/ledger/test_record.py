"""What goes into a ledger comes out as one record."""

from __future__ import annotations

from pathlib import Path

from dbsweep.execution.ledger.ledger import Ledger
from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.choice import Candidate, Choice
from dbsweep.records.events import BranchEnded, BranchStarted
from dbsweep.records.names import BASE, Metric, TrialState
from dbsweep.selection.trialbook import TrialNews
from tests.execution.ledgers import LEARNING, checkpoint, create, grid
from tests.execution.sweeps import make_experiment, make_plan


def test_a_new_ledger_is_all_pending(tmp_path: Path) -> None:
    with create(tmp_path) as ledger:
        record = ledger.read()
    assert record.plan == make_plan()
    assert record.experiment == make_experiment().model_dump(mode="json")
    assert record.states == dict.fromkeys(["t001", "t002", "t003", "t004"], TrialState.PENDING)
    assert record.branch_states == dict.fromkeys(["b01", "b02", "b03"], TrialState.PENDING)
    assert record.choice is None
    assert record.finished is None
    assert record.started > 1.7e9


def test_events_come_back_as_they_went_in(tmp_path: Path) -> None:
    event = checkpoint(10)
    with create(tmp_path) as ledger:
        ledger.set_base(make_scorecard(BASE, UNTRAINED), "cd" * 32)
        ledger.record(BranchStarted(branch="b01", host="node-7", pid=4))
        assert ledger.read().branch_states["b01"] is TrialState.RUNNING
        ledger.record(event)
        ledger.record(BranchEnded(branch="b01", state=TrialState.FAILED, last_step=10, reason="NaN"))
        ledger.update_trials([TrialNews("t001", TrialState.FAILED, None), TrialNews("t001", None, LEARNING)])
        record = ledger.read()
    assert record.base_sha256 == "cd" * 32
    assert record.hosts == {"b01": "node-7"}
    assert record.failures == {"b01": "NaN"}
    assert record.branch_states["b01"] is TrialState.FAILED
    assert record.checkpoints == {"b01-000010": event.checkpoint}
    assert repr(record.logs["b01-000010"]) == repr(event.log)  # repr: NaN is not equal to itself
    assert repr(record.scorecards["b01-000010"]) == repr(event.scorecard)
    assert record.scorecards[BASE].value(Metric.STYLE) == 1.0
    assert (record.states["t001"], record.verdicts) == (TrialState.FAILED, {"t001": LEARNING})


def test_choice_grids_and_end_are_kept(tmp_path: Path) -> None:
    best = Candidate(
        trial="t001",
        checkpoint="b01-000010",
        step=10,
        epoch=1,
        identity=0.5,
        style=0.5,
        prior=0.5,
        utility=0.5,
        on_front=True,
    )
    choice = Choice(best=best, reason="the only one", candidates=(best,))
    with create(tmp_path) as ledger:
        ledger.set_choice(choice)
        ledger.add_grid(grid("first"))
        ledger.add_grid(grid("second"))
        ledger.finish()
    with Ledger.open(tmp_path / "ledger.db", read_only=True) as ledger:
        record = ledger.read()
    assert record.choice == choice
    assert [g.title for g in record.grids] == ["first", "second"]
    assert record.finished is not None
    assert record.finished >= record.started
