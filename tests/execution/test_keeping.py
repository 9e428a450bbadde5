"""The best weights stay, whatever the order of events; a fork's state goes when nobody will start there again."""

from __future__ import annotations

import random
import sys
from types import FrameType
from typing import Any

import pytest

from dbsweep.execution.keeping import Keeping
from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.events import BranchEnded, CheckpointScored, Event
from dbsweep.records.names import Metric, TrialState
from dbsweep.records.plan import TrialPath
from dbsweep.records.results import Checkpoint, Scorecard, StepLog
from tests.execution.sweeps import make_plan


def scored(branch: str, step: int, identity: float) -> CheckpointScored:
    name = f"{branch}-{step:06d}"
    figures = dict.fromkeys(("loss", "instance_loss", "prior_loss", "learning_rate", "grad_norm", "steps_per_s"), 0.0)
    return CheckpointScored(
        checkpoint=Checkpoint(id=name, branch=branch, step=step, epoch=step // 10, path=name, sha256="", bytes=0),
        log=StepLog(step=step, memory_bytes=0, **figures),
        scorecard=make_scorecard(name, {**UNTRAINED, Metric.IDENTITY: identity}),
        verdict=None,
    )


def end(branch: str, step: int, state: TrialState = TrialState.COMPLETED) -> BranchEnded:
    return BranchEnded(branch=branch, state=state, last_step=step)


def by_identity(card: Scorecard) -> tuple[float, ...]:
    return (-card.value(Metric.IDENTITY),)


# t001 is b01 until 20, t002 until 40; t003 goes on with b02 from 20 until 40, t004 with b02 until 30 and b03 until 50.
EVENTS: dict[str, list[Event]] = {
    "b01": [*(scored("b01", s, i) for s, i in ((10, 0.5), (20, 0.4), (30, 0.6), (40, 0.7))), end("b01", 40)],
    "b02": [scored("b02", 30, 0.1), scored("b02", 40, 0.2), end("b02", 40)],
    "b03": [scored("b03", 40, 0.3), scored("b03", 50, 0.9), end("b03", 50)],
}


def told(keeping: Keeping, events: list[Event]) -> tuple[list[str], list[str]]:
    """Ids of the weights and of the fork states that may go, in the order told."""
    free = [keeping.record(event) for event in events]
    return [c.id for f in free for c in f.weights], [c.id for f in free for c in f.states]


def interleaved(seed: int) -> list[Event]:
    """The events of all branches, each branch's in order."""
    rng, left = random.Random(seed), {name: list(events) for name, events in EVENTS.items()}
    order = []
    while any(left.values()):
        order.append(left[rng.choice([name for name, events in left.items() if events])].pop(0))
    return order


@pytest.mark.parametrize("seed", range(20))
def test_what_is_left_in_the_end_does_not_depend_on_the_order_of_events(seed: int) -> None:
    weights, states = told(Keeping(make_plan(), 1, by_identity), interleaved(seed))
    # The best: of t001 and of t003 b01 at 10 (0.5), of t002 b01 at 40 (0.7), of t004 b03 at 50 (0.9).
    assert sorted(weights) == ["b01-000020", "b01-000030", "b02-000030", "b02-000040", "b03-000040"]
    assert sorted(states) == ["b01-000020", "b02-000030"]
    assert len(set(weights)) == len(weights)


def test_nothing_goes_while_its_worker_may_still_write_there() -> None:
    keeping = Keeping(make_plan(), 1, by_identity)
    assert told(keeping, EVENTS["b01"][:3])[0] == []  # 20 is worse than 10, and one of the two latest
    assert told(keeping, EVENTS["b01"][3:4])[0] == ["b01-000020"]


def test_all_keeps_all_weights() -> None:
    assert told(Keeping(make_plan(), None, by_identity), interleaved(0))[0] == []


def test_a_fork_s_state_stays_until_every_branch_has_two_of_its_own_or_is_done() -> None:
    keeping = Keeping(make_plan(), None, by_identity)
    assert told(keeping, EVENTS["b01"])[1] == []  # b02 has not begun
    assert told(keeping, EVENTS["b02"][:1])[1] == []  # and would go back to the fork if its one checkpoint broke
    assert told(keeping, EVENTS["b02"][1:2])[1] == ["b01-000020"]
    assert told(keeping, [end("b02", 40), *EVENTS["b03"][:1]])[1] == []
    assert told(keeping, [end("b03", 40, TrialState.FAILED)])[1] == []  # it will be tried again when the run is resumed
    assert told(keeping, [end("b03", 40, TrialState.STOPPED)])[1] == ["b02-000030"]


@pytest.mark.parametrize("seed", range(10))
def test_of_several_best_all_orders_leave_the_same_and_nothing_is_told_twice(seed: int) -> None:
    again = [*interleaved(seed), *EVENTS["b01"]]  # b01 is started again, and tells all once more
    weights, _ = told(Keeping(make_plan(), 2, by_identity), again)
    # Kept: of t001 10 and 20, of t002 30 and 40 of b01; of t003 10 and 20 of b01; of t004 b03 at 50 and b01 at 10.
    assert sorted(weights) == ["b02-000030", "b02-000040", "b03-000040"]


def test_a_checkpoint_costs_nothing_for_the_trials_that_have_left_its_branch() -> None:
    lines_for_the_last_checkpoint(passing=1)  # fills caches
    assert lines_for_the_last_checkpoint(passing=500) == lines_for_the_last_checkpoint(passing=1)


def lines_for_the_last_checkpoint(passing: int) -> int:
    """Python lines run to take in a branch's last checkpoint where so many trials have left it before."""
    paths = [TrialPath(trial="long", segments=(("b01", 40),), end_step=40)]
    paths += [TrialPath(trial=f"t{i}", segments=(("b01", 20), ("b02", 40)), end_step=40) for i in range(passing)]
    keeping = Keeping(make_plan().model_copy(update={"paths": tuple(paths)}), 2, by_identity)
    told(keeping, EVENTS["b01"][:3])
    before, lines = sys.gettrace(), 0

    def count(frame: FrameType, what: str, arg: object) -> Any:
        nonlocal lines
        lines += what == "line"
        return count

    sys.settrace(count)
    try:
        keeping.record(EVENTS["b01"][3])
    finally:
        sys.settrace(before)
    return lines


def test_what_nobody_has_looked_at_is_not_told() -> None:
    plan = make_plan()
    (first, *others) = plan.branches
    spaced = tuple(m.model_copy(update={"evaluate": m.step in (20, 40)}) for m in first.milestones)
    plan = plan.model_copy(update={"branches": (first.model_copy(update={"milestones": spaced}), *others)})
    unseen = [event.model_copy(update={"scorecard": None}) for event in (scored("b01", s, 0.0) for s in (10, 30))]
    keeping = Keeping(plan, 1, by_identity)
    events: list[Event] = [unseen[0], scored("b01", 20, 0.4), unseen[1], scored("b01", 40, 0.7), end("b01", 40)]
    weights, _ = told(keeping, events)
    assert "b01-000010" not in weights
    assert "b01-000030" not in weights
