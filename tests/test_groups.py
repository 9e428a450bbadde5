"""Processes that share the tests get whole files, long ones first: what a file or a session makes is made once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import pytest

from tests.groups import group_of, put_longest_first


@dataclass(frozen=True)
class StandIn:
    """A test of a file, with marks and fixtures."""

    nodeid: str
    marks: tuple[str, ...] = ()
    fixturenames: tuple[str, ...] = ()

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.marks else None


def test_what_takes_longest_begins() -> None:
    """A file with one slow test is slow as a whole."""
    quick, other = StandIn("tests/a.py::one"), StandIn("tests/b.py::one")
    slow = StandIn("tests/b.py::two", ("slow",))
    on_ray = StandIn("tests/b.py::three", ("slow",), ("tmp_path", "ray_session"))
    on_nodes = StandIn("tests/c.py::one", ("cluster",))
    items: list[Any] = [quick, other, slow, on_ray, on_nodes]
    assert [group_of(item) for item in items] == ["tests/a.py", "tests/b.py", "tests/b.py", "ray", "ray"]
    put_longest_first(items)
    assert items == [on_ray, on_nodes, other, slow, quick]


def test_pytest_xdist_keeps_that_order(request: pytest.FixtureRequest) -> None:
    """By itself it hands out groups of many tests first."""
    assert request.config.option.loadscopereorder is False


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process has all tests")
def test_a_process_gets_whole_files(request: pytest.FixtureRequest) -> None:
    """pytest-xdist keeps those of a group together by a name that it puts behind theirs."""
    assert request.node.nodeid.endswith("@tests/test_groups.py")
