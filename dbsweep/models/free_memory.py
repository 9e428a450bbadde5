"""How much memory this machine can still give: asked before large work, for who takes more is ended without a word."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""Of a container, or of a batch system's job."""


def free_bytes() -> int | None:
    """What Linux can give to processes, swap included, and no more than their group may have; None elsewhere."""
    try:
        told = _MEMINFO.read_text(encoding="ascii")
    except OSError:  # another system
        return None
    kib = {name: int(number) for name, number in re.findall(r"^(\w+):\s+(\d+) kB$", told, re.MULTILINE)}
    free = 1024 * (kib.get("MemAvailable", 0) + kib.get("SwapFree", 0))
    with suppress(OSError, ValueError):  # there is none, or its limit is the word max
        free = min(free, int(_GROUP_LIMIT.read_text(encoding="ascii")))
    return free
