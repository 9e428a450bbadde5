"""A device's memory: what running out of it looks like, and giving back what is no longer needed."""

from __future__ import annotations

import ctypes
import gc
import platform

import torch

_WORDS = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""Of RuntimeErrors by which torch's CPU allocator and CUDA's libraries say so."""

KEPT_BYTES = 16 * 2**20
"""Of freed memory at the end of the heap: more than a step frees there, little beside what a worker needs."""

LARGEST_ON_HEAP_BYTES = 32 * 2**20
"""What is larger is a mapping of its own, given back as soon as it is free; the most that glibc takes."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device, or the machine, has no more memory for what was asked."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)


def release_memory() -> None:
    """Gives unused memory back, after an error whose traceback is gone: it kept the tensors of its frames."""
    gc.collect()
    trim_memory()


def keep_freed_memory() -> None:
    """From here on glibc keeps what is freed, up to `KEPT_BYTES`, until `trim_memory`.

    By itself it hands the end of the heap back as soon as a few of the largest tensors are free (mallopt(3),
    ``M_TRIM_THRESHOLD``), and asks for it again at the next step: the kernel then clears thousands of pages a step.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        libc.mallopt(_M_MMAP_THRESHOLD, LARGEST_ON_HEAP_BYTES)  # no longer found out by glibc once either is given


def trim_memory() -> None:
    """Gives memory that nothing uses any more back to the device and to the system, which other processes share.

    Torch keeps freed memory of a GPU for itself, and glibc that of the heap; a process that trains one branch after
    another would else hold the most that each kind of work ever took. Other C libraries' heaps stay as they are.
    """
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
