"""bfloat16 is taken where the processor multiplies in it, and nowhere else."""

from __future__ import annotations

import pytest
import torch

from dbsweep.minisd.precision import fast_dtype, fast_products


@pytest.mark.parametrize(
    ("found", "dtype"),
    [
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
        ({}, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"bf16": True}, torch.bfloat16),  # of ARM
    ],
)
def test_products_are_in_the_fastest_format(
    found: dict[str, bool], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert fast_dtype() is dtype
    with fast_products():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is dtype
