"""What Ray's workers find in their environment."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dbsweep.execution.ray_start import ENVIRONMENT, HUGE_PAGES

MODE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
THREAD_THAT_FILLS_30_MB = """
import threading
kept = []
thread = threading.Thread(target=lambda: kept.extend(bytearray(100_000) for _ in range(300)))
thread.start()
thread.join()
print(open("/proc/self/smaps").read())
"""


def asks_by_itself() -> bool:
    """Whether this system gives huge pages to programs that ask, and its C library can."""
    name, version = platform.libc_ver()
    is_able = name == "glibc" and tuple(map(int, version.split("."))) >= (2, 35)
    return is_able and MODE.exists() and "[madvise]" in MODE.read_text(encoding="ascii")


def huge_kib(tunables: str) -> int:
    """Of mappings for which a process has asked for huge pages (``hg``, proc(5))."""
    told = subprocess.run(
        [sys.executable, "-c", THREAD_THAT_FILLS_30_MB],
        env={**os.environ, "GLIBC_TUNABLES": tunables},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    mappings = re.findall(r"^Size: +(\d+) kB$.*?^VmFlags:(.*?)$", told, re.MULTILINE | re.DOTALL)
    return sum(int(size) for size, flags in mappings if "hg" in flags.split())


@pytest.mark.skipif(not asks_by_itself(), reason="huge pages are not asked for here")
def test_what_a_thread_of_a_worker_keeps_lies_in_huge_pages() -> None:
    assert ENVIRONMENT["GLIBC_TUNABLES"] == HUGE_PAGES
    assert huge_kib(HUGE_PAGES) * 1024 > 20_000_000  # of some there are ends of other pages; else it is one page
    assert huge_kib("") == 0
