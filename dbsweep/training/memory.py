"""Peak memory of training."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import torch

_CLEAR_REFS = Path("/proc/self/clear_refs")


def forget_peak_memory(device: torch.device) -> None:
    """The peak counts from here, without what this process did before: other trials, drawing, scoring.

    On the CPU by Linux alone (proc(5), ``clear_refs``); elsewhere a process keeps the peak of all its life.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        with suppress(OSError):  # a sandbox may keep it from a process
            _CLEAR_REFS.write_text("5", encoding="ascii")


def peak_memory_bytes(device: torch.device) -> int:
    """The most that was allocated since `forget_peak_memory`: on the GPU by torch, on the CPU by the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
