"""Which tests one of several processes gets together, and who begins: the longest, or a core would idle at the end."""

from __future__ import annotations

import pytest

RAY = "ray"


def group_of(item: pytest.Item) -> str:
    """All that need a Ray are one group; of the others each file is."""
    if "ray_session" in getattr(item, "fixturenames", ()) or item.get_closest_marker("cluster"):
        return RAY
    return item.nodeid.partition("::")[0]


def put_longest_first(items: list[pytest.Item]) -> None:
    """Those that need a Ray, then files with slow tests, then all others; in each in the order in which they were."""
    slow = {group_of(item) for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (group_of(item) != RAY, group_of(item) not in slow))
