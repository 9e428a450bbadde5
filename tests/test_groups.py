"""Processes that share the tests get whole files, so that what a file or a session makes is made once."""

from __future__ import annotations

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process has all tests")
def test_a_process_gets_whole_files(request: pytest.FixtureRequest) -> None:
    """pytest-xdist keeps those of a group together by a name that it puts behind theirs."""
    assert request.node.nodeid.endswith("@tests/test_groups.py")
