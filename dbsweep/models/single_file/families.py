"""Which family a single file is of, found from its weights."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import torch
from torch import Tensor

from dbsweep.models.single_file.config import prediction_beside
from dbsweep.models.single_file.kinds import UNET_PREFIX, is_sd2, refuse_other_kinds

V_MARK = f"{UNET_PREFIX}output_blocks.11.1.transformer_blocks.0.norm1.bias"
V_SPREAD = 0.09
"""SD 2 models whose `V_MARK` spreads more than this predict v: ComfyUI's rule, which tells the published ones apart."""


class Family(StrEnum):
    """Stable Diffusions that differ in their text encoder or in what the UNet predicts."""

    SD1 = "Stable Diffusion 1"
    SD1_V = "Stable Diffusion 1 (v)"
    SD2_BASE = "Stable Diffusion 2 (512, epsilon)"
    SD2_V = "Stable Diffusion 2 (768, v)"

    @property
    def prediction_type(self) -> str:
        """diffusers' name of what the UNet predicts."""
        return "v_prediction" if self in (Family.SD1_V, Family.SD2_V) else "epsilon"

    @property
    def is_sd2(self) -> bool:
        """Whether its text encoder is that of the second version."""
        return self in (Family.SD2_BASE, Family.SD2_V)


def find_family(path: str, state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Family:
    """The family of a file's weights; of the prediction A1111's ``.yaml`` beside it counts first, then its header.

    Raises:
        ModelError: another kind of file, named, or a ``.yaml`` that cannot be read.
    """
    refuse_other_kinds(path, {name: value.shape for name, value in state.items()})
    told = prediction_beside(Path(path)) or metadata.get("modelspec.prediction_type")
    if not is_sd2(state):
        return Family.SD1_V if told == "v" else Family.SD1
    if told is not None:
        return Family.SD2_V if told == "v" else Family.SD2_BASE
    mark = state.get(V_MARK)
    spreads = mark is not None and torch.std(mark.float(), correction=0).item() > V_SPREAD
    return Family.SD2_V if spreads else Family.SD2_BASE
