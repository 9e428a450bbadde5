"""Which trials are the same training, read at different lengths."""

from __future__ import annotations

import pytest

from dbsweep.records.plan import Cost, Plan, TrialPath
from dbsweep.reports.families import heads

Segments = tuple[tuple[str, int], ...]


def plan(*paths: Segments) -> Plan:
    """A plan that has nothing but paths; trials are a, b, c …"""
    return Plan(
        steps_per_epoch=1,
        trials=(),
        stages=(),
        branches=(),
        paths=tuple(
            TrialPath(trial=chr(ord("a") + i), segments=segments, end_step=segments[-1][1])
            for i, segments in enumerate(paths)
        ),
        cost=Cost(steps_alone=0, steps_shared=0, images=0, disk_bytes=0, seconds=None),
    )


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        pytest.param([(("b1", 4),)], "a", id="alone"),
        pytest.param([(("b1", 2),), (("b1", 4),), (("b1", 8),)], "ccc", id="one branch read three times"),
        pytest.param([(("b1", 8),), (("b1", 4), ("b2", 8))], "ab", id="fork: neither holds the other"),
        pytest.param([(("b1", 4),), (("b1", 4), ("b2", 8))], "bb", id="ends exactly at the fork"),
        pytest.param([(("b1", 6),), (("b1", 4), ("b2", 8))], "ab", id="goes on past the fork"),
        pytest.param([(("b1", 4),), (("b1", 4),)], "aa", id="equal trials: the first"),
        pytest.param(
            [(("b1", 2),), (("b1", 4), ("b2", 6)), (("b1", 4), ("b2", 6), ("b3", 9))], "ccc", id="chain of containment"
        ),
    ],
)
def test_heads(paths: list[Segments], expected: str) -> None:
    assert "".join(heads(plan(*paths)).values()) == expected
