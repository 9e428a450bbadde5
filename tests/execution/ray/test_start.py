"""What Ray's workers find in their environment."""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dbsweep.execution.ray.start import ENVIRONMENT, HUGE_PAGES, for_cluster_workers, start_ray

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


@pytest.mark.skipif(not asks_by_itself(), reason="huge pages are not asked for here")
@pytest.mark.parametrize("of_the_machine", ["", "glibc.rtld.optional_static_tls=2000", "glibc.malloc.hugetlb=0"])
def test_a_cluster_s_workers_have_huge_pages_whatever_their_machine_sets(of_the_machine: str) -> None:
    given = for_cluster_workers()["GLIBC_TUNABLES"]
    assert huge_kib(given.replace("${GLIBC_TUNABLES}", of_the_machine)) * 1024 > 20_000_000


def test_a_c_library_passes_over_tunables_that_it_does_not_know() -> None:
    odd = HUGE_PAGES.replace("glibc.malloc", "glibc.unheard")
    environment = {**os.environ, "GLIBC_TUNABLES": f":{odd}"}
    told = subprocess.run(
        [sys.executable, "-c", "print(7)"], env=environment, capture_output=True, text=True, check=True
    )
    assert (told.stdout, told.stderr) == ("7\n", "")


def test_sigterm_while_ray_starts_is_who_runs_the_sweep_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray would end the driver with exit code 15, and nobody would be told how to go on."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def init(**_: object) -> None:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr("ray.init", init)
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            start_ray()
        assert signal.getsignal(signal.SIGTERM) is interrupt
    finally:
        signal.signal(signal.SIGTERM, before)
