"""Tests of the book that puts trials together from branches."""

from __future__ import annotations

import random
import sys

import pytest

from dbsweep.config.choosing import Judging, Weights
from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored
from dbsweep.records.names import BASE, Metric, TrialState, VerdictState
from dbsweep.records.plan import Branch, Cost, Milestone, Plan, TrialPath
from dbsweep.records.results import Checkpoint, Score, Scorecard, StepLog, Verdict
from dbsweep.selection.outcome import trial_state
from dbsweep.selection.trialbook import TrialBook

LEARNING = Verdict(state=VerdictState.LEARNING, onset_step=None, evidence="so far")


def branch(name: str, parent: str | None, fork_step: int, end: int) -> Branch:
    steps = range(fork_step + 10, end + 1, 10)
    return Branch(
        id=name,
        parent=parent,
        fork_step=fork_step,
        stages=(),
        milestones=tuple(Milestone(step=s, epoch=s // 10, evaluate=True, fork=False) for s in steps),
        trials=(),
        settings={},
        text_encoder_steps=0,
    )


# t1 ends on the trunk at 10, t2 at 20; t3 leaves the trunk at 10 and ends at 30 on b02.
PLAN = Plan(
    steps_per_epoch=10,
    trials=(),
    stages=(),
    branches=(branch("b01", None, 0, 20), branch("b02", "b01", 10, 30)),
    paths=(
        TrialPath(trial="t1", segments=(("b01", 10),), end_step=10),
        TrialPath(trial="t2", segments=(("b01", 20),), end_step=20),
        TrialPath(trial="t3", segments=(("b01", 10), ("b02", 30)), end_step=30),
    ),
    cost=Cost(steps_alone=60, steps_shared=40, images=0, disk_bytes=0, seconds=None),
)


def card(name: str, identity: float, style: float = 1.0) -> Scorecard:
    def score(value: float) -> Score:
        return Score(value=value, low=value, high=value, samples=tuple(value + 0.01 * i for i in (-1, 0, 1, 0)))

    scores = {Metric.IDENTITY: score(identity), Metric.STYLE: score(style), Metric.PRIOR: score(1.0)}
    return Scorecard(checkpoint=name, scores=scores, images=())


def scored(name: str, step: int, identity: float) -> CheckpointScored:
    key = f"{name}-{step:06d}"
    log = dict.fromkeys(("loss", "instance_loss", "prior_loss", "learning_rate", "grad_norm", "steps_per_s"), 0.1)
    return CheckpointScored(
        checkpoint=Checkpoint(id=key, branch=name, step=step, epoch=step // 10, path=key, sha256="", bytes=0),
        log=StepLog(step=step, memory_bytes=0, **log),
        scorecard=card(key, identity),
        verdict=LEARNING,
    )


def book() -> TrialBook:
    return TrialBook(PLAN, card(BASE, 0.0))


def test_the_trial_that_ends_at_a_checkpoint_is_judged_as_finished_and_the_others_as_going_on():
    trials = book()
    trials.record(BranchStarted(branch="b01", host="here", pid=1))
    news = {n.trial: n for n in trials.record(scored("b01", 10, identity=0.2))}
    assert news["t1"].state is TrialState.COMPLETED
    assert news["t1"].verdict is not None
    assert news["t1"].verdict.state is VerdictState.UNDERTRAINED  # 0.2 of identity, and no more to come
    assert news["t2"].state is None  # running already
    assert news["t2"].verdict == LEARNING
    assert news["t3"].state is TrialState.PENDING  # its next branch has not begun


def test_a_fork_is_judged_with_the_checkpoints_of_its_parent_up_to_the_fork_alone():
    trials = book()
    for event in (scored("b01", 10, 0.2), scored("b01", 20, 0.9), scored("b02", 20, 0.4), scored("b02", 30, 0.8)):
        trials.record(event)
    steps_and_values = [(s, c.value(Metric.IDENTITY)) for s, c in trials.cards_of(PLAN.paths[2])]
    assert steps_and_values == [(10, 0.2), (20, 0.4), (30, 0.8)]


def test_nothing_is_news_twice():
    trials = book()
    event = scored("b01", 10, 0.2)
    assert trials.record(event)
    assert trials.record(event) == ()


def test_a_checkpoint_that_is_told_again_is_one_checkpoint():
    trials = book()
    for identity in (0.2, 0.3):
        trials.record(scored("b01", 10, identity))
    assert [(step, card.value(Metric.IDENTITY)) for step, card in trials.cards_of(PLAN.paths[0])] == [(10, 0.3)]


def test_the_looks_of_a_trial_are_what_its_last_verdict_shares_the_error_among():
    """Style falls by 0.4, which are 4.25 standard errors of four samples: at the second of two planned looks that is
    more than chance, at the second of one, of three or of ten it is not. What is not evaluated is no look."""
    milestones = tuple(Milestone(step=s, epoch=s // 10, evaluate=s > 5, fork=False) for s in (5, 10, 20))
    branches = (PLAN.branches[0].model_copy(update={"milestones": milestones}), PLAN.branches[1])
    trials = TrialBook(PLAN.model_copy(update={"branches": branches}), card(BASE, 0.0))
    trials.record(scored("b01", 10, 0.0))
    scatter = 0.4 / 4.25 * 3**0.5
    style = tuple(0.3 + scatter * side for side in (1, -1, 1, -1))
    fallen = card("b01-000020", 0.0)
    score = fallen.scores[Metric.STYLE].model_copy(update={"value": 0.3, "samples": style})
    fallen = fallen.model_copy(update={"scores": {**fallen.scores, Metric.STYLE: score}})
    news = trials.record(scored("b01", 20, 0.0).model_copy(update={"scorecard": fallen}))
    assert [n.verdict.state for n in news if n.trial == "t2" and n.verdict] == [VerdictState.OVERTRAINED]


def test_an_early_stop_reaches_the_trials_that_needed_more_steps():
    trials = book()
    trials.record(scored("b01", 10, 0.2))
    news = trials.record(BranchEnded(branch="b01", state=TrialState.STOPPED, last_step=10, reason="overtrained"))
    assert [(n.trial, n.state) for n in news] == [("t2", TrialState.STOPPED)]


def test_a_branch_that_starts_again_after_an_interruption_runs_again():
    trials = book()
    trials.record(BranchStarted(branch="b01", host="here", pid=1))
    trials.record(BranchEnded(branch="b01", state=TrialState.INTERRUPTED, last_step=0))
    news = trials.record(BranchStarted(branch="b01", host="here", pid=2))
    assert {n.trial: n.state for n in news} == dict.fromkeys(("t1", "t2", "t3"), TrialState.RUNNING)


def test_a_branch_that_ends_with_a_verdict_gives_it_to_the_trials_that_it_leaves_unfinished():
    collapsed = Verdict(state=VerdictState.COLLAPSED, onset_step=16, evidence="the loss is not finite at step 16")
    trials = book()
    trials.record(BranchStarted(branch="b01", host="", pid=0))
    trials.record(scored("b01", 10, 0.5))
    news = trials.record(BranchEnded(branch="b01", state=TrialState.FAILED, last_step=15, verdict=collapsed))
    # t1 was complete at step 10, t3 left the branch there; only t2 needed step 20.
    assert [(n.trial, n.state, n.verdict) for n in news] == [("t2", TrialState.FAILED, collapsed)]


def test_what_a_restarted_branch_tells_again_does_not_take_a_verdict_back():
    book = TrialBook(PLAN, card(BASE, 0.0))
    for step, identity in ((10, 0.3), (20, 0.6)):
        book.record(scored("b01", step, identity))
    book.record(scored("b02", 20, 0.6))
    ((trial, state),) = {n.trial: n.verdict.state for n in book.record(scored("b02", 30, 0.9)) if n.verdict}.items()
    assert (trial, state) == ("t3", VerdictState.READY)
    book.record(BranchStarted(branch="b01", host="another", pid=2))
    assert not any(news.verdict for news in book.record(scored("b01", 10, 0.3)) if news.trial == "t3")


def test_the_thresholds_are_the_experiments():
    trials = TrialBook(PLAN, card(BASE, 0.0), Judging(ready_identity=0.2))
    news = {n.trial: n for n in trials.record(scored("b01", 10, 0.2))}
    assert news["t1"].verdict is not None
    assert news["t1"].verdict.state is VerdictState.READY
    assert "at epoch 1; identity 0.20 counts as ready" in news["t1"].verdict.evidence


@pytest.mark.parametrize(("style", "state"), [(1.0, VerdictState.OVERTRAINED), (0.0, VerdictState.READY)])
def test_what_the_choice_does_not_weigh_ends_no_trial(style: float, state: VerdictState) -> None:
    trials = TrialBook(PLAN, card(BASE, 0.0), weights=Weights(style=style))
    lost = scored("b01", 10, 0.6)
    news = trials.record(lost.model_copy(update={"scorecard": card(lost.checkpoint.id, 0.6, style=0.0)}))
    assert {n.verdict.state for n in news if n.trial == "t1" and n.verdict is not None} == {state}


# Four levels deep; a trial ends at nearly every checkpoint, and two are one training.
DEEP = Plan(
    steps_per_epoch=10,
    trials=(),
    stages=(),
    branches=(branch("b01", None, 0, 40), branch("b02", "b01", 20, 50), branch("b03", "b02", 30, 50)),
    paths=tuple(
        TrialPath(trial=f"t{i}", segments=segments, end_step=segments[-1][1])
        for i, segments in enumerate(
            (
                (("b01", 10),),
                (("b01", 40),),
                (("b01", 20), ("b02", 40)),
                (("b01", 20), ("b02", 50)),
                (("b01", 20), ("b02", 50)),
                (("b01", 20), ("b02", 30), ("b03", 40)),
                (("b01", 20), ("b02", 30), ("b03", 50)),
            )
        )
    ),
    cost=Cost(steps_alone=0, steps_shared=0, images=0, disk_bytes=0, seconds=None),
)


def told(seed: int) -> list[BranchStarted | CheckpointScored | BranchEnded]:
    """Events of `DEEP` in an order that its forks allow; branches break off, and tell all again when they go on."""
    chance = random.Random(seed)
    reached: dict[str, int] = {}
    events: list[BranchStarted | CheckpointScored | BranchEnded] = []
    for _ in range(60):
        each = chance.choice(DEEP.branches)
        if each.parent is not None and reached.get(each.parent, 0) < each.fork_step:
            continue
        step = reached.get(each.id)
        if step is None or chance.random() < 0.15:
            events.append(BranchStarted(branch=each.id, host="", pid=0))
            reached.setdefault(each.id, each.fork_step)
            again = [m.step for m in each.milestones if step is not None and m.step <= step]
            events += [scored(each.id, at, at / 100).model_copy(update={"verdict": said(each.id, at)}) for at in again]
        elif step == each.end_step:
            events.append(BranchEnded(branch=each.id, state=TrialState.COMPLETED, last_step=step))
        elif chance.random() < 0.2:
            state = chance.choice((TrialState.INTERRUPTED, TrialState.FAILED))
            events.append(BranchEnded(branch=each.id, state=state, last_step=step))
        else:
            reached[each.id] = step + 10
            event = scored(each.id, step + 10, step / 100)
            events.append(event.model_copy(update={"verdict": said(each.id, step + 10)}))
    return events


def said(name: str, step: int) -> Verdict:
    return Verdict(state=VerdictState.LEARNING, onset_step=None, evidence=f"{name} {step}")


@pytest.mark.parametrize("seed", range(40))
def test_the_news_add_up_to_what_looking_at_every_trial_after_every_event_would_find(seed: int):
    trials = TrialBook(DEEP, card(BASE, 0.0))
    states = dict.fromkeys((path.trial for path in DEEP.paths), TrialState.PENDING)
    verdicts: dict[str, Verdict] = {}
    ended: dict[str, BranchEnded] = {}
    reached: dict[str, int] = {}
    for event in told(seed):
        if isinstance(event, BranchStarted):
            ended.pop(event.branch, None)
            reached.setdefault(event.branch, next(b.fork_step for b in DEEP.branches if b.id == event.branch))
        elif isinstance(event, BranchEnded):
            ended[event.branch] = event
        else:
            reached[event.checkpoint.branch] = max(reached[event.checkpoint.branch], event.checkpoint.step)
        for news in trials.record(event):
            states[news.trial] = news.state or states[news.trial]
            verdicts |= {news.trial: news.verdict} if news.verdict is not None else {}
        for path in DEEP.paths:
            assert states[path.trial] is trial_state(path, ended, reached)
            scored_steps = [
                (step, branch_id)
                for branch_id, last in path.segments
                for step in range(10, last + 1, 10)
                if next(b.fork_step for b in DEEP.branches if b.id == branch_id) < step <= reached.get(branch_id, 0)
            ]
            if not scored_steps:
                assert path.trial not in verdicts
            elif scored_steps[-1][0] < path.end_step:
                step, branch_id = scored_steps[-1]
                assert verdicts[path.trial] == said(branch_id, step)
            else:
                assert verdicts[path.trial].state is not VerdictState.LEARNING  # it is over


def test_a_checkpoint_costs_nothing_for_the_trials_that_have_left_its_branch():
    calls_of_the_last_checkpoint(passing=1)  # fills caches
    assert calls_of_the_last_checkpoint(passing=500) == calls_of_the_last_checkpoint(passing=1)


def calls_of_the_last_checkpoint(passing: int) -> int:
    """Python calls to take in the last checkpoint of a branch that so many trials have left or ended on before."""
    paths = [TrialPath(trial="long", segments=(("b01", 10), ("b02", 30)), end_step=30)]
    paths += [TrialPath(trial=f"t{i}", segments=(("b01", 10), ("b02", 20)), end_step=20) for i in range(passing)]
    trials = TrialBook(PLAN.model_copy(update={"paths": tuple(paths)}), card(BASE, 0.0))
    for event in (scored("b01", 10, 0.2), scored("b02", 20, 0.4)):
        trials.record(event)
    last, calls = scored("b02", 30, 0.8), 0

    def count(frame: object, what: str, arg: object) -> None:
        nonlocal calls
        calls += what == "call"

    sys.setprofile(count)
    try:
        trials.record(last)
    finally:
        sys.setprofile(None)
    return calls
