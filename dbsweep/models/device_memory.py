"""A device's memory: what running out of it looks like, and giving back what is no longer needed."""

from __future__ import annotations

import gc

import torch

_WORDS = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""Of RuntimeErrors by which torch's CPU allocator and CUDA's libraries say so."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device, or the machine, has no more memory for what was asked."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)


def release_memory() -> None:
    """Gives unused memory back, after an error whose traceback is gone: it kept the tensors of its frames."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
