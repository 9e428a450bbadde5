"""What is free is what Linux tells, and no more than the limits of a container or of a batch system's job."""

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


NO_LIMIT = "9223372036854771712\n"
"""As the first version of control groups says it."""


@pytest.fixture
def linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the system's, with `meminfo`, and with `groups` and `cgroup` where a test writes them."""
    (tmp_path / "meminfo").write_text(TOLD)
    for name, file in (("_MEMINFO", "meminfo"), ("_OWN_GROUPS", "cgroup"), ("_GROUPS", "groups")):
        monkeypatch.setattr(free_memory, name, tmp_path / file)
    return tmp_path


def write(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/\n", {}, 7000 * 1024),
        ("0::/\n", {"memory.max": "max\n"}, 7000 * 1024),
        ("0::/\n", {"memory.max": "9000000\n"}, 7000 * 1024),
        ("0::/\n", {"memory.max": "3000000\n"}, 3_000_000),  # a container
        ("0::/job/step\n", {"job/memory.max": "3000000\n", "job/step/memory.max": "max\n"}, 3_000_000),
        ("0::/job/step\n", {"job/memory.max": "3000000\n", "job/step/memory.max": "2000000\n"}, 2_000_000),
        ("0::/job\n", {"other/memory.max": "3000000\n"}, 7000 * 1024),
        ("9:cpu,cpuacct:/\n8:memory:/\n", {"memory/memory.limit_in_bytes": NO_LIMIT}, 7000 * 1024),
        ("8:memory:/docker/f:0\n0::/\n", {"memory/memory.limit_in_bytes": "3000000\n"}, 3_000_000),
        ("8:memory:/job\n", {"memory/job/memory.limit_in_bytes": "3000000\n"}, 3_000_000),
        ("8:cpu:/job\n", {"memory/job/memory.limit_in_bytes": "3000000\n"}, 7000 * 1024),
    ],
)
def test_memory_and_swap_within_the_limits_of_groups(
    linux: Path, groups: str, limits: dict[str, str], expected: int
) -> None:
    (linux / "cgroup").write_text(groups)
    for name, limit in limits.items():
        write(linux / "groups" / name, limit)
    assert free_bytes() == expected


def test_without_groups_all_of_it_counts(linux: Path) -> None:
    write(linux / "groups" / "memory.max", "3000000\n")
    assert free_bytes() == 7000 * 1024


def test_other_systems_tell_nothing(linux: Path) -> None:
    (linux / "meminfo").write_text(TOLD.replace("MemAvailable", "MemNothing"))
    assert free_bytes() is None
    (linux / "meminfo").unlink()
    assert free_bytes() is None
