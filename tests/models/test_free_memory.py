"""What is free is what Linux tells, and no more than the limit of a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.models import free_memory
from dbsweep.models.free_memory import free_bytes

TOLD = """MemTotal:       16000 kB
MemFree:         1000 kB
MemAvailable:    5000 kB
SwapTotal:       9000 kB
SwapFree:        2000 kB
HugePages_Total:       0
"""


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(None, 7000 * 1024), ("max\n", 7000 * 1024), ("9000000\n", 7000 * 1024), ("3000000\n", 3_000_000)],
)
def test_memory_and_swap_within_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str | None, expected: int
) -> None:
    (tmp_path / "meminfo").write_text(TOLD)
    if limit is not None:
        (tmp_path / "memory.max").write_text(limit)
    monkeypatch.setattr(free_memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(free_memory, "_GROUP_LIMIT", tmp_path / "memory.max")
    assert free_bytes() == expected


def test_other_systems_tell_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_memory, "_MEMINFO", tmp_path / "meminfo")
    assert free_bytes() is None
