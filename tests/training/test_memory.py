"""Peak memory of a process, counted anew, and of a GPU."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from dbsweep.training import memory
from dbsweep.training.memory import forget_peak_memory, peak_memory_bytes

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a process's peak anew")
def test_the_peak_is_that_since_it_was_forgotten() -> None:
    grabbed = 200 * 2**20
    forget_peak_memory(CPU)
    before = peak_memory_bytes(CPU)
    torch.ones(grabbed, dtype=torch.uint8)
    during = peak_memory_bytes(CPU)
    forget_peak_memory(CPU)
    assert during - before > grabbed // 2
    assert during - peak_memory_bytes(CPU) > grabbed // 2


def test_where_it_may_not_be_forgotten_the_whole_lifes_peak_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_CLEAR_REFS", Path("/nowhere/clear_refs"))
    before = peak_memory_bytes(CPU)
    forget_peak_memory(CPU)
    assert peak_memory_bytes(CPU) >= before > 0


@pytest.mark.parametrize(("platform", "unit"), [("linux", 1024), ("darwin", 1)])
def test_each_system_counts_in_units_of_its_own(monkeypatch: pytest.MonkeyPatch, platform: str, unit: int) -> None:
    import resource

    class Usage:
        ru_maxrss = 5

    monkeypatch.setattr(resource, "getrusage", lambda who: Usage)
    monkeypatch.setattr(sys, "platform", platform)
    assert peak_memory_bytes(CPU) == 5 * unit


def test_on_a_gpu_torch_is_asked_of_that_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", forgotten.append)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", {GPU: 9}.__getitem__)
    forget_peak_memory(GPU)
    assert (forgotten, peak_memory_bytes(GPU)) == ([GPU], 9)
