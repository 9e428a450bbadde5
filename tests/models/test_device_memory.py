"""What running out of memory looks like."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dbsweep.models.device_memory import is_out_of_memory, trim_memory

CPU = (
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"
)


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (MemoryError(), True),
        (RuntimeError(CPU), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
    ids=["CUDA", "Python", "CPU", "cuBLAS", "another error", "another type"],
)
def test_out_of_memory_is_told_from_other_errors(error: BaseException, is_it: bool):
    assert is_out_of_memory(error) is is_it


def test_torch_s_own_message_is_known():
    with pytest.raises(RuntimeError) as found:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(found.value)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to trim its heap")
def test_freed_memory_goes_back_to_the_system():
    tensors = [torch.ones(16 * 1024) for _ in range(2000)]  # 64 KiB each: below the size that gets its own mapping
    last = tensors[-1]  # at the end of the heap, so that the holes before it stay with the process
    del tensors
    before = _resident_bytes()
    trim_memory()
    assert before - _resident_bytes() > 100 * 2**20
    assert last.sum() == len(last)


STEPS = """
import resource, torch
from dbsweep.models.device_memory import keep_freed_memory

def step():
    tensors = [torch.ones(3 * 2**18) for _ in range(4)]  # 3 MiB each

keep_freed_memory()
for _ in range(8):  # until nothing moves any more
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep its heap")
def test_freed_memory_is_kept_for_the_next_step():
    # in a process of its own: what lies at the end of the heap decides how much of it can be handed back
    ended = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)
    assert int(ended.stdout) < 3072  # pages, of one step: they would be asked for ten times


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
