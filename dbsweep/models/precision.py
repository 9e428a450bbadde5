"""Numeric precisions by the names that an experiment file has for them."""

from __future__ import annotations

from enum import StrEnum

import torch


class Precision(StrEnum):
    """Of weights, or of what is computed with them."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"

    @property
    def dtype(self) -> torch.dtype:
        """Torch's name for it."""
        return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[self.value]
