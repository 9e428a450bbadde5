"""Which family a single file is of, found from its weights."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import torch
from torch import Tensor

from dbsweep.errors import ModelError
from dbsweep.models.ldm_layout import OPEN_CLIP_PREFIX, UNET_PREFIX, VAE_PREFIX
from dbsweep.models.sources import ONLY_SD, more_channels

V_MARK = f"{UNET_PREFIX}output_blocks.11.1.transformer_blocks.0.norm1.bias"
V_SPREAD = 0.09
"""SD 2 models whose `V_MARK` spreads more than this predict v: ComfyUI's rule, which tells the published ones apart."""

_OTHERS = {
    "conditioner.embedders.": "an SDXL model",
    f"{UNET_PREFIX}joint_blocks.": "a Stable Diffusion 3 model",
    "joint_blocks.": "a Stable Diffusion 3 model",
    f"{UNET_PREFIX}double_blocks.": "a Flux model",
    "double_blocks.": "a Flux model",
    f"{UNET_PREFIX}label_emb.": "an unCLIP model or another whose UNet reads labels",
    "lora_": "a LoRA, not a model",
    "unet.": "a LoRA or another part, not a model",
    "control_model.": "a ControlNet",
}
"""Beginnings of names that only other kinds of file have."""


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
    for beginning, kind in _OTHERS.items():
        if any(name.startswith(beginning) for name in state):
            raise ModelError(f"base model {path}: this is {kind}; {ONLY_SD}")
    _refuse_more_channels(path, state)
    if not any(name.startswith(OPEN_CLIP_PREFIX) for name in state):
        return Family.SD1
    told = metadata.get("modelspec.prediction_type")
    if told is not None:
        return Family.SD2_V if told == "v" else Family.SD2_BASE
    mark = state.get(V_MARK)
    spreads = mark is not None and torch.std(mark.float(), correction=0).item() > V_SPREAD
    return Family.SD2_V if spreads else Family.SD2_BASE


def _refuse_more_channels(path: str, state: Mapping[str, Tensor]) -> None:
    first, latents = state.get(f"{UNET_PREFIX}input_blocks.0.0.weight"), state.get(f"{UNET_PREFIX}out.2.weight")
    if first is not None and latents is not None and first.ndim == 4 and first.shape[1] > latents.shape[0]:
        kind = more_channels(first.shape[1], latents.shape[0])
        raise ModelError(f"base model {path}: this is {kind}; {ONLY_SD}")


def check_parts(path: str, state: Mapping[str, Tensor], *, needs_vae: bool) -> None:
    """ModelError unless the file has a UNet, a text encoder and, unless another is used, a VAE."""
    prefixes = {"UNet": UNET_PREFIX, "text encoder": "cond_stage_model."} | ({"VAE": VAE_PREFIX} if needs_vae else {})
    missing = [part for part, prefix in prefixes.items() if not any(key.startswith(prefix) for key in state)]
    if missing:
        raise ModelError(f"base model {path}: not a whole Stable Diffusion model, it has no {' and no '.join(missing)}")
