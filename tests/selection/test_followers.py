"""Which trials follow a branch beyond a step."""

from __future__ import annotations

import pytest

from dbsweep.records.plan import Branch, Cost, Milestone, Plan, TrialPath
from dbsweep.selection.followers import Followers, followers_of


def path(trial: str, *segments: tuple[str, int]) -> TrialPath:
    return TrialPath(trial=trial, segments=segments, end_step=segments[-1][1])


def branch(name: str, parent: str | None = None, fork_step: int = 0) -> Branch:
    milestones = (Milestone(step=40, epoch=4, evaluate=True, fork=False),)
    return Branch(
        id=name,
        parent=parent,
        fork_step=fork_step,
        stages=(),
        milestones=milestones,
        trials=(),
        settings={},
        text_encoder_steps=0,
    )


PATHS = (path("long", ("a", 40)), path("left", ("a", 20), ("b", 40)), path("short", ("a", 10)))


def names(paths: object) -> list[str]:
    assert isinstance(paths, list)
    return [each.trial for each in paths]


@pytest.mark.parametrize(
    ("step", "upto", "expected"),
    [
        (-1, None, ["short", "left", "long"]),
        (9, None, ["short", "left", "long"]),
        (10, None, ["left", "long"]),  # who ends at a step does not follow beyond it
        (20, None, ["long"]),
        (40, None, []),
        (9, 10, ["short"]),
        (10, 20, ["left"]),
        (9, 39, ["short", "left"]),
        (20, 40, ["long"]),
        (20, 20, []),
    ],
)
def test_who_follows_further_than_a_step_and_not_further_than_another(
    step: int, upto: int | None, expected: list[str]
) -> None:
    followers = Followers((each.segments[0][1], each) for each in PATHS)
    assert names(followers.beyond(step, upto)) == expected


def test_a_trial_follows_each_branch_of_its_path_as_far_as_it_goes_there() -> None:
    cost = Cost(steps_alone=0, steps_shared=0, images=0, disk_bytes=0, seconds=None)
    branches = (branch("a"), branch("b", "a", 20), branch("c", "a", 20))
    plan = Plan(steps_per_epoch=10, trials=(), stages=(), branches=branches, paths=PATHS, cost=cost)
    found = followers_of(plan)
    assert list(found) == ["a", "b", "c"]
    assert names(found["a"].beyond(19)) == ["left", "long"]
    assert names(found["b"].beyond(20)) == ["left"]
    assert names(found["c"].beyond(0)) == []
