"""Precisions are those that an experiment file may name, and torch's."""

from __future__ import annotations

import pytest
import torch

from dbsweep.models.precision import Precision


@pytest.mark.parametrize("name", Precision)
def test_each_has_torchs_dtype(name: str) -> None:
    dtypes = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    assert Precision(name).dtype is dtypes[name]


def test_another_name_is_none() -> None:
    with pytest.raises(ValueError, match="'fp8' is not a valid Precision"):
        Precision("fp8")
