"""Branches that another one is surely ahead of: from when on they end, and what is never held against them."""

from __future__ import annotations

import numpy as np
import pytest

from dbsweep.config.schema import Experiment
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.scheduling.comparison import Ending
from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.records.events import BranchEnded, CheckpointScored
from dbsweep.records.names import BASE, Metric, TrialState
from tests.execution.on_paper import OUTRUN, PHOTOS, RUN, alone, ends, jobs_of, replay, scored


def ending(experiment: Experiment) -> Ending:
    return Ending(experiment, make_scorecard(BASE, UNTRAINED))


def job() -> BranchJob:
    return jobs_of(RUN, **OUTRUN)[0]


def noisy(event: CheckpointScored, seed: int, scatter: float = 0.5) -> CheckpointScored:
    """The same mean of identity, over pictures that differ so much that it tells little."""
    assert event.scorecard is not None
    score = event.scorecard.scores[Metric.IDENTITY]
    spread = scatter * np.random.default_rng(seed).permutation(np.resize([1.0, -1.0], len(score.samples)))
    score = score.model_copy(update={"samples": tuple((score.value + spread).tolist())})
    card = event.scorecard.model_copy(update={"scores": {**event.scorecard.scores, Metric.IDENTITY: score}})
    return event.model_copy(update={"scorecard": card})


def passed_over(event: CheckpointScored) -> CheckpointScored:
    """The same checkpoint, kept and not looked at."""
    return event.model_copy(update={"scorecard": None})


def test_the_surely_worse_are_ended_at_their_second_look() -> None:
    """Eight epochs, looks at 2, 4, 6, 8. At the first the pace is that from 0, by which all come far: a quarter of the
    training is then over. The middle rates, b02 and b03, start first."""
    events = replay(jobs_of(RUN, catch_up=1, **OUTRUN))
    assert ends(events) == {
        "b02": (TrialState.COMPLETED, 80),
        "b03": (TrialState.STOPPED, 40),
        "b01": (TrialState.COMPLETED, 80),
        "b04": (TrialState.STOPPED, 40),
    }
    reasons = [event.reason for event in events if isinstance(event, BranchEnded) and event.branch == "b03"]
    # 3 / (1/.4 + 1/.4 + 1) and 3 / (1/.6 + 1/.6 + 1)
    assert reasons == ["outrun: utility 0.500 by epoch 4 and at most 0.500 later, where b02-000020 had 0.692 already"]


def test_without_catching_up_the_surely_worse_are_ended_at_their_first_look() -> None:
    events = replay(jobs_of(RUN, catch_up=0, **OUTRUN))
    assert {branch: step for branch, (_, step) in ends(events).items()} == {"b02": 80, "b03": 20, "b01": 80, "b04": 20}
    reasons = [event.reason for event in events if isinstance(event, BranchEnded) and event.branch == "b03"]
    assert reasons == ["outrun: utility 0.500 by epoch 2, where b02-000020 had 0.692 already"]


def test_what_came_before_anything_better_goes_on() -> None:
    """One at a time, the worse of two first: nobody is ended for what only comes later."""
    found = ends(replay(jobs_of(RUN, learning_rate=[2e-4, 8e-4], **OUTRUN)))
    assert set(found.values()) == {(TrialState.COMPLETED, 80)}


@pytest.mark.parametrize("scatter", [0.0, 0.5])
def test_of_two_trials_the_lower_one_ends_only_if_it_is_surely_lower(scatter: float) -> None:
    asked = ending(job().sweep.experiment)
    for epoch in (1, 2, 3):
        assert asked.end(alone(job(), "high"), noisy(scored("high", epoch, 8e-4), epoch, scatter)) is None
    told = [asked.end(alone(job(), "low"), noisy(scored("low", n, 6e-4), 10 + n, scatter)) for n in (1, 2, 3)]
    assert (told[-1] is not None) == (scatter == 0.0)


def test_a_young_training_is_not_held_against_an_older_one() -> None:
    asked = ending(job().sweep.experiment)
    for epoch, rate in ((3, 2e-4), (4, 2e-4), (6, 9e-4)):
        assert asked.end(alone(job(), "old"), scored("old", epoch, rate)) is None
    assert asked.end(alone(job(), "young"), scored("young", 3, 3e-4)) is None
    assert asked.end(alone(job(), "young"), scored("young", 5, 3e-4)) is None
    assert asked.end(alone(job(), "young"), scored("young", 6, 3e-4)) is not None


def test_a_training_that_was_best_and_fell_goes_on_until_another_is_better() -> None:
    """Its best checkpoint counts, and that one of its own is better than its latest is for the verdict."""
    asked = ending(job().sweep.experiment)
    told = [asked.end(alone(job(), "peaked"), scored("peaked", n, rate)) for n, rate in ((3, 9e-4), (4, 1e-4))]
    assert told == [None, None]
    others = [asked.end(alone(job(), "other"), scored("other", epoch, 5e-4)) for epoch in (2, 3, 4)]
    assert [told is None for told in others] == [True, False, False]
    assert asked.end(alone(job(), "better"), scored("better", 4, 9.5e-4)) is None
    assert asked.end(alone(job(), "peaked"), scored("peaked", 5, 1e-4)) is not None


@pytest.mark.parametrize(("catch_up", "ended"), [(1.0, False), (0.6, False), (0.5, True), (0.0, True)])
def test_who_would_catch_up_goes_on_for_a_share_of_the_training(catch_up: float, ended: bool) -> None:
    """At epoch 4 of 8 it has come from 0.1 to 0.4 of identity, where another one has 0.7."""
    asked = ending(jobs_of(RUN, catch_up=catch_up, **OUTRUN)[0].sweep.experiment)
    for epoch in (2, 4):
        asked.end(alone(job(), "ahead"), scored("ahead", epoch, 7e-4))
    asked.end(alone(job(), "late"), scored("late", 3, 1e-4))
    assert (asked.end(alone(job(), "late"), scored("late", 4, 4e-4)) is not None) == ended


@pytest.mark.parametrize(("first", "ended"), [(1e-4, False), (2.9e-4, True)])
def test_who_would_not_catch_up_ends_before_that(first: float, ended: bool) -> None:
    """At epoch 3 of 8 both are at 0.3, where another one has 0.7."""
    asked = ending(job().sweep.experiment)
    for epoch in (2, 3):
        asked.end(alone(job(), "ahead"), scored("ahead", epoch, 7e-4))
    asked.end(alone(job(), "late"), scored("late", 2, first))
    assert (asked.end(alone(job(), "late"), scored("late", 3, 3e-4)) is not None) == ended


@pytest.mark.parametrize("scatter", [0.0, 0.5])
def test_without_catching_up_too_who_is_behind_by_chance_goes_on(scatter: float) -> None:
    asked = ending(jobs_of(RUN, catch_up=0, **OUTRUN)[0].sweep.experiment)
    asked.end(alone(job(), "high"), noisy(scored("high", 2, 8e-4), 1, scatter))
    told = asked.end(alone(job(), "low"), noisy(scored("low", 2, 6e-4), 2, scatter))
    assert (told is not None) == (scatter == 0.0)


def test_a_fork_is_never_held_against_what_it_shares() -> None:
    """Its text encoder freezes at epoch 4, and the best was seen at epoch 3, before the fork."""
    root, fork = (each for each in jobs_of(RUN, learning_rate=[1e-4], ratios=(0.5, 1.0), **OUTRUN))
    assert (fork.branch.parent, fork.branch.fork_step) == (root.branch.id, 4 * PHOTOS)
    asked = ending(root.sweep.experiment)
    for epoch, rate in ((3, 9e-4), (4, 5e-4), (5, 5e-4)):
        assert asked.end(root, scored(root.branch.id, epoch, rate)) is None
    assert asked.end(fork, scored(fork.branch.id, 5, 4e-4)) is None
    assert asked.end(root, scored(root.branch.id, 6, 9.5e-4)) is None
    assert asked.end(fork, scored(fork.branch.id, 6, 4e-4)) is not None, "what its parent did after the fork counts"


def test_where_it_is_passed_over_a_branch_ends_that_others_have_outrun_since_its_last_look() -> None:
    """Every second epoch is looked at, and the first branch tells of each before the other does."""
    asked = ending(job().sweep.experiment)
    first, other = alone(job(), "first"), alone(job(), "other")
    for epoch, rate in ((2, 1e-4), (4, 9e-4)):
        assert asked.end(first, passed_over(scored("first", epoch - 1, 3e-4))) is None
        assert asked.end(first, scored("first", epoch, 3e-4)) is None
        assert asked.end(other, scored("other", epoch, rate)) is None
    told = asked.end(first, passed_over(scored("first", 5, 3e-4)))
    assert told is not None
    assert "utility 0.391 by epoch 4, where other-000040 had" in told
    assert asked.end(other, passed_over(scored("other", 5, 9e-4))) is None


def test_no_branch_is_ended_where_it_is_passed_over_by_a_look_before_a_quarter() -> None:
    """Of eight epochs: the latest look of both was at epoch 1, and the one is at 0, from where no pace leads on."""
    asked = ending(job().sweep.experiment)
    assert asked.end(alone(job(), "first"), scored("first", 1, 0.0)) is None
    assert asked.end(alone(job(), "other"), scored("other", 1, 9e-4)) is None
    assert asked.end(alone(job(), "first"), passed_over(scored("first", 2, 0.0))) is None
    assert asked.end(alone(job(), "first"), scored("first", 2, 0.0)) is not None


def test_a_fork_that_is_passed_over_is_not_ended_by_what_its_parent_showed() -> None:
    root, fork = (each for each in jobs_of(RUN, learning_rate=[1e-4], ratios=(0.5, 1.0), **OUTRUN))
    asked = ending(root.sweep.experiment)
    for each in (root, alone(job(), "best")):
        for epoch in (3, 4):
            rate = 4e-4 if each is root else 9.5e-4
            assert asked.end(each, scored(each.branch.id, epoch, rate)) is None
    assert asked.end(fork, passed_over(scored(fork.branch.id, 5, 4e-4))) is None
    assert asked.end(root, passed_over(scored(root.branch.id, 5, 4e-4))) is not None


def test_a_training_is_never_outrun_by_what_it_was_taken_for_itself() -> None:
    """Its checkpoint at epoch 4 looks lucky once more are known, and smoothing takes some of its utility back."""
    asked = ending(job().sweep.experiment)
    for epoch, rate in ((3, 2e-4), (4, 9e-4), (5, 2e-4), (6, 2e-4), (7, 2e-4)):
        assert asked.end(alone(job(), "only"), noisy(scored("only", epoch, rate), epoch, scatter=0.1)) is None
