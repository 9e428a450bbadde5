"""Tests of the book that puts trials together from branches."""

from __future__ import annotations

from dbsweep.config.choosing import Judging
from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored
from dbsweep.records.names import BASE, Metric, TrialState, VerdictState
from dbsweep.records.plan import Branch, Cost, Milestone, Plan, TrialPath
from dbsweep.records.results import Checkpoint, Score, Scorecard, StepLog, Verdict
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
    assert "at epoch 1; 0.20 of identity is asked for" in news["t1"].verdict.evidence
