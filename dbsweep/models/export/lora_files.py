"""LoRA files out: kohya's, which A1111, ComfyUI and Forge read, and peft's, which diffusers reads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from dbsweep.errors import ModelError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.export.lora import NETWORKS, Lora
from dbsweep.models.export.metadata import Origin, describe
from dbsweep.models.hashes import KOHYA_SHA256
from dbsweep.models.safetensors_file import write_weights
from dbsweep.models.single_file.ldm_layout import is_open_clip

KOHYA_PREFIXES = {"unet": "lora_unet_", "text_encoder": "lora_te_text_model_"}
NO_DORA = (
    "a DoRA cannot be written for A1111 and ComfyUI, which scale it along other axes or by other norms:"
    " export it as peft for diffusers, or as a single file with the DoRA worked in"
)
"""Why `save_kohya` writes none."""
PEFT_MAGNITUDE = "lora_magnitude_vector.weight"
"""DoRA's lengths under a layer. peft itself leaves ``.weight`` out and reads both; transformers 5, by which diffusers
loads text encoders, reads only this."""
ADAPTER_METADATA = "lora_adapter_metadata"
"""Metadata key under which diffusers keeps peft's configuration as JSON."""


def save_kohya(
    lora: Lora, models: StableDiffusion, path: Path, *, origin: Origin, dtype: torch.dtype | None = None
) -> None:
    """Writes a LoRA as kohya's scripts name it, each layer with its true alpha.

    Args:
        models: the base model, for the names of its family.
        dtype: of the weights; None keeps their own.

    Raises:
        ModelError: it is a DoRA, which the readers of such files do not agree on.
        DiskError: the disk is full; nothing is left behind.
    """
    if any(pair.magnitude is not None for pair in lora.values()):
        raise ModelError(NO_DORA)
    tensors: dict[str, Tensor] = {}
    for layer, pair in lora.items():
        name = _kohya_name(layer)
        tensors |= {f"{name}.lora_down.weight": pair.down, f"{name}.lora_up.weight": pair.up}
        tensors[f"{name}.alpha"] = torch.tensor(pair.alpha)
    metadata = _modelspec(models, origin) | origin.kohya | _kohya_metadata(lora, models, origin)
    write_weights(path, tensors, metadata | {"ss_output_name": path.stem, KOHYA_SHA256: ""}, dtype=dtype)


def save_peft(
    lora: Lora, models: StableDiffusion, path: Path, *, origin: Origin, dtype: torch.dtype | None = None
) -> None:
    """Writes a LoRA that diffusers' ``load_lora_weights`` reads, alphas included; arguments as `save_kohya`."""
    tensors: dict[str, Tensor] = {}
    for layer, pair in lora.items():
        # diffusers takes this prefix off where transformers no longer has it; older versions need it.
        name = layer.replace("text_encoder.", "text_encoder.text_model.", 1)
        tensors |= {f"{name}.lora_A.weight": pair.down, f"{name}.lora_B.weight": pair.up}
        if pair.magnitude is not None:
            tensors[f"{name}.{PEFT_MAGNITUDE}"] = pair.magnitude
    settings = {
        f"{network}.{key}": value for network in NETWORKS for key, value in _peft_settings(lora, network).items()
    }
    metadata = _modelspec(models, origin)
    write_weights(path, tensors, metadata | {ADAPTER_METADATA: json.dumps(settings, sort_keys=True)}, dtype=dtype)


def _kohya_name(layer: str) -> str:
    network, _, name = layer.partition(".")
    return KOHYA_PREFIXES[network] + name.replace(".", "_")


def _modelspec(models: StableDiffusion, origin: Origin) -> dict[str, str]:
    # kohya's scripts write this implementation too: the layers have diffusers' names in both kinds of file.
    return describe(models, origin, suffix="/lora", implementation="diffusers")


def _kohya_metadata(lora: Lora, models: StableDiffusion, origin: Origin) -> dict[str, str]:
    """What other programs ask of it; rank and alpha are those of most layers, as in kohya's files with block ranks."""
    is_v2, is_v = is_open_clip(models), models.prediction_type == "v_prediction"
    return {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(_most(pair.rank for pair in lora.values())),
        "ss_network_alpha": str(_most(pair.alpha for pair in lora.values())),
        "ss_base_model_version": f"sd_v{2 if is_v2 else 1}{'_v' if is_v else ''}",
        "ss_v2": str(is_v2),
        "ss_clip_skip": str(origin.clip_skip) if origin.clip_skip > 1 else "None",
    }


def _peft_settings(lora: Lora, network: str) -> dict[str, object]:
    """The arguments of peft's ``LoraConfig`` for one network; nothing for a network without LoRA."""
    mine = {layer.removeprefix(f"{network}."): pair for layer, pair in lora.items() if layer.startswith(f"{network}.")}
    if not mine:
        return {}
    rank, alpha = _most(pair.rank for pair in mine.values()), _most(pair.alpha for pair in mine.values())
    return {
        "r": rank,
        "lora_alpha": alpha,
        "target_modules": sorted(mine),
        "rank_pattern": {layer: pair.rank for layer, pair in mine.items() if pair.rank != rank},
        "alpha_pattern": {layer: pair.alpha for layer, pair in mine.items() if pair.alpha != alpha},
        "use_dora": any(pair.magnitude is not None for pair in mine.values()),
    }


def _most(values: Iterable[float]) -> float:
    [(value, _)] = Counter(values).most_common(1)
    return value
