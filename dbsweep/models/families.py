"""Which family a single file is of, found from its weights."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import torch
from torch import Tensor

from dbsweep.models.kinds import UNET_PREFIX, is_sd2, refuse_other_kinds

V_MARK = f"{UNET_PREFIX}output_blocks.11.1.transformer_blocks.0.norm1.bias"
V_SPREAD = 0.09
"""SD 2 models whose `V_MARK` spreads more than this predict v: ComfyUI's rule, which tells the published ones apart."""


class Family(StrEnum):
    """Stable Diffusions that differ in their text encoder or in what the UNet predicts."""

    SD1 = "Stable Diffusion 1"
    SD2_BASE = "Stable Diffusion 2 (512, epsilon)"
    SD2_V = "Stable Diffusion 2 (768, v)"

    @property
    def prediction_type(self) -> str:
        """diffusers' name of what the UNet predicts."""
        return "v_prediction" if self is Family.SD2_V else "epsilon"


def find_family(path: str, state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Family:
    """The family of a file's weights; what its header says of the prediction counts before the weights.

    Raises:
        ModelError: another kind of file, named.
    """
    refuse_other_kinds(path, {name: value.shape for name, value in state.items()})
    if not is_sd2(state):
        return Family.SD1
    told = metadata.get("modelspec.prediction_type")
    if told is not None:
        return Family.SD2_V if told == "v" else Family.SD2_BASE
    mark = state.get(V_MARK)
    spreads = mark is not None and torch.std(mark.float(), correction=0).item() > V_SPREAD
    return Family.SD2_V if spreads else Family.SD2_BASE
