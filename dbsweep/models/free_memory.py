"""How much memory this machine can still give: asked before large work, for who takes more is ended without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def free_bytes() -> int | None:
    """What Linux can give to processes, swap included, and no more than their groups may have; None elsewhere."""
    try:
        told = _MEMINFO.read_text(encoding="ascii")
    except OSError:  # another system
        return None
    kib = {name: int(number) for name, number in re.findall(r"^(\w+):\s+(\d+) kB$", told, re.MULTILINE)}
    if "MemAvailable" not in kib:  # some that only look like Linux
        return None
    return min((1024 * (kib["MemAvailable"] + kib.get("SwapFree", 0)), *_group_limits()))


def _group_limits() -> Iterator[int]:
    """Of the control groups that this process is in, and those they lie in: of a container, or a batch system's job."""
    try:
        lines = _OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:  # a system without them
        return
    for _, kinds, path in (line.split(":", 2) for line in lines):
        if kinds == "":  # their second version
            top, name = _GROUPS, "memory.max"
        elif kinds == "memory":
            top, name = _GROUPS / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            with suppress(OSError, ValueError):  # it has no limit, or its limit is the word max
                yield int((folder / name).read_text(encoding="ascii"))
