"""What running out of memory looks like."""

from __future__ import annotations

import pytest
import torch

from dbsweep.models.device_memory import is_out_of_memory

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
