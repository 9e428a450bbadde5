"""The number format of MiniSD's trainings: bfloat16 where the processor multiplies in it, float32 elsewhere.

A processor without the instructions computes bfloat16 in software, ten times slower than float32.
"""

from __future__ import annotations

import torch


def fast_dtype() -> torch.dtype:
    """Return the fastest format for products of matrices on this processor."""
    found = torch.cpu.get_capabilities()
    return torch.bfloat16 if found.get("avx512_bf16") or found.get("amx_bf16") or found.get("bf16") else torch.float32


def fast_products() -> torch.autocast:
    """Return a context in which layers multiply in `fast_dtype()`."""
    return torch.autocast("cpu", torch.bfloat16, enabled=fast_dtype() is torch.bfloat16)
