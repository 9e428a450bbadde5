"""The simulated back end: every branch ends once, verdicts stop branches, time is simulated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from dbsweep.errors import TrialError
from dbsweep.execution.backend import Progress
from dbsweep.execution.simulated import UNTRAINED, SimulatedBackend
from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import Metric, TrialState, VerdictState
from dbsweep.records.record import Scalar
from tests.execution.sweeps import make_branch_jobs, make_experiment, make_sweep_job

RUN = Path("/runs/demo")


def gentle(settings: Mapping[str, Scalar], step: int) -> Mapping[Metric, float]:
    return {**UNTRAINED, Metric.IDENTITY: min(0.9, step / 50)}


def losing_style(settings: Mapping[str, Scalar], step: int) -> Mapping[Metric, float]:
    return {**UNTRAINED, Metric.IDENTITY: 0.9, Metric.STYLE: 1.0 if step <= 10 else 0.1}


def failing(settings: Mapping[str, Scalar], step: int) -> Mapping[Metric, float]:
    if step == 30 and settings["text_encoder_ratio"] == 1.0:
        raise TrialError("loss is NaN at step 30")
    return gentle(settings, step)


def replay(backend: SimulatedBackend, **changes: object) -> list[Event]:
    events: list[Event] = []
    backend.run(make_branch_jobs(RUN, make_experiment(**changes)), events.append)
    return events


def ends(events: list[Event]) -> dict[str, tuple[TrialState, int]]:
    all_ends = [event for event in events if isinstance(event, BranchEnded)]
    assert len({end.branch for end in all_ends}) == len(all_ends)
    return {end.branch: (end.state, end.last_step) for end in all_ends}


def test_every_branch_completes_after_its_parent_s_fork() -> None:
    events = replay(SimulatedBackend(gentle))
    assert ends(events) == {
        name: (TrialState.COMPLETED, step) for name, step in (("b01", 40), ("b02", 40), ("b03", 50))
    }
    order = [e.checkpoint.id if isinstance(e, CheckpointScored) else type(e).__name__ + e.branch for e in events]
    assert order.index("b01-000020") < order.index("BranchStartedb02")
    assert order.index("b02-000030") < order.index("BranchStartedb03")


def test_time_is_that_of_the_longest_chain_with_workers_enough() -> None:
    one, many = (SimulatedBackend(gentle, workers=n, seconds_per_checkpoint=0.0) for n in (1, 3))
    replay(one)
    replay(many)
    assert one.clock == 40 + 20 + 20
    assert many.clock == 50


def steps_trained(events: list[Event], **changes: object) -> int:
    forks = {job.branch.id: job.branch.fork_step for job in make_branch_jobs(RUN, make_experiment(**changes))}
    return sum(last - forks[branch] for branch, (_, last) in ends(events).items())


def test_an_overtrained_branch_stops_at_once_and_what_would_start_there_is_not_trained() -> None:
    events = replay(SimulatedBackend(losing_style))
    assert ends(events) == {
        "b01": (TrialState.STOPPED, 20),
        "b02": (TrialState.STOPPED, 20),  # its fork: alone it would have been the same training up to there
        "b03": (TrialState.STOPPED, 30),  # its fork, which b02 never comes to
    }
    assert steps_trained(events) == 20
    reasons = {event.branch: event.reason for event in events if isinstance(event, BranchEnded)}
    assert reasons["b01"] == reasons["b02"]
    assert "style" in reasons["b02"]


def test_an_overtrained_branch_stops_after_its_patience_and_drops_later_forks() -> None:
    events = replay(SimulatedBackend(losing_style), evaluate={"patience": 1, "every_epochs": 1})
    cards = [e for e in events if isinstance(e, CheckpointScored) and e.checkpoint.branch == "b01"]
    flagged = [c.checkpoint.step for c in cards if c.verdict and c.verdict.state is VerdictState.OVERTRAINED]
    assert flagged[0] == 20
    assert ends(events)["b01"] == (TrialState.STOPPED, 30)  # patience 1: one further checkpoint
    assert ends(events)["b02"] == (TrialState.STOPPED, 30)  # its parent's verdict counts as its own
    assert ends(events)["b03"] == (TrialState.STOPPED, 30)  # those of both that lead to it count as its own
    assert steps_trained(events) == 30 + 10
    assert "before" not in next(e.reason for e in events if isinstance(e, BranchEnded) and e.branch == "b02")


def test_without_stopping_overtrained_branches_run_to_their_end() -> None:
    evaluate = {"stop_overtrained": False, "every_epochs": 1}
    assert ends(replay(SimulatedBackend(losing_style), evaluate=evaluate))["b01"] == (TrialState.COMPLETED, 40)


def test_a_failing_branch_leaves_the_others_alone() -> None:
    events = replay(SimulatedBackend(failing))
    assert ends(events) == {
        "b01": (TrialState.FAILED, 20),
        "b02": (TrialState.COMPLETED, 40),
        "b03": (TrialState.COMPLETED, 50),
    }


def test_ctrl_c_ends_running_and_waiting_branches() -> None:
    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if isinstance(event, CheckpointScored) and event.checkpoint.id == "b02-000030":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SimulatedBackend(gentle).run(make_branch_jobs(RUN), on_event)
    assert {state for state, _ in ends(events).values()} == {TrialState.INTERRUPTED}
    assert ends(events)["b02"][1] == 30


def test_what_the_listener_raises_reaches_the_caller() -> None:
    def on_event(event: Event) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        SimulatedBackend(gentle).run(make_branch_jobs(RUN), on_event)


def test_preparing_gives_the_base_scorecard() -> None:
    told: list[Progress] = []
    prepared = SimulatedBackend(gentle).prepare(make_sweep_job(RUN), told.append)
    assert prepared.base.value(Metric.STYLE) == 1.0
    assert told[-1].done == told[-1].total


def test_equal_branches_have_equal_hashes() -> None:
    def hashes() -> list[str]:
        return [e.checkpoint.sha256 for e in replay(SimulatedBackend(gentle)) if isinstance(e, CheckpointScored)]

    assert hashes() == hashes()
    assert len(set(hashes())) == len(hashes())
    assert any(isinstance(e, BranchStarted) for e in replay(SimulatedBackend(gentle)))
