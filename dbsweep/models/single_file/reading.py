"""Single-file models in the layout of the original Stable Diffusion code: ``.safetensors`` and ``.ckpt``."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    create_diffusers_clip_model_from_ldm,
)
from safetensors import safe_open
from torch import Tensor, nn
from transformers import CLIPTextModel

from dbsweep.errors import ModelError
from dbsweep.models.refusals import pickle_fault, read_or_refuse, refuse_lacking
from dbsweep.models.single_file.families import Family, find_family
from dbsweep.models.single_file.kinds import CLIP_PREFIX, EMA_PREFIX, UNET_PREFIX, check_parts
from dbsweep.plan.memory.pickled_shapes import BESIDE_WEIGHTS, Ignored

_TRANSFORMER = CLIP_PREFIX.removesuffix("text_model.")
_OLD_ATTENTION = re.compile(r"(?<=\.attentions\.0)\.(query|key|value|proj_attn)\.")
_NEW_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""What diffusers called the VAE's attention before version 0.13, as in the file of ``stabilityai/sd-vae-ft-mse``."""
_CLIP_PARTS = ("embeddings.", "encoder.", "final_layer_norm.")


_BESIDE_WEIGHTS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (Ignored, name) for name in BESIDE_WEIGHTS
]


@dataclass(frozen=True)
class SingleFile:
    """The weights of one file by their original names, one half of what it has twice."""

    path: Path
    state: Mapping[str, Tensor]
    family: Family


def read_single_file(path: Path, *, ema: bool = False, needs_vae: bool = True) -> SingleFile:
    """Reads a single-file Stable Diffusion 1.x or 2.x.

    Args:
        ema: take the UNet's averaged weights.
        needs_vae: whether it must have a VAE.

    Raises:
        ModelError: the file is damaged, wants to run code when it is read, holds another kind of model, or lacks parts.
    """
    found, metadata = read_or_refuse(str(path), "the file", lambda: read_tensors(path))
    state = {_clip_name(key): value for key, value in found.items()}
    family = find_family(str(path), state, metadata)
    check_parts(str(path), state, needs_vae=needs_vae)
    return SingleFile(path, _half(path, state, ema=ema), family)


def read_networks(file: SingleFile, config: Path, dtype: torch.dtype, *, with_vae: bool = True) -> dict[str, nn.Module]:
    """The networks of a single file, built after the configurations in a diffusers folder.

    Raises:
        ModelError: the file does not fit the configurations.
    """
    networks = {
        "unet": _build(file.path, "unet", lambda: _read_unet(file.state, config, dtype)),
        "text_encoder": _build(file.path, "text_encoder", lambda: _read_text_encoder(file.state, config, dtype)),
    }
    if with_vae:
        networks["vae"] = read_vae(file.path, file.state, config, dtype)
    return networks


def read_vae(path: Path, state: Mapping[str, Tensor], config: Path, dtype: torch.dtype) -> nn.Module:
    """The VAE of a whole model's weights, or of a file that has nothing else; errors as `read_networks`."""
    named = {_OLD_ATTENTION.sub(lambda old: f".{_NEW_ATTENTION[old[1]]}.", key): value for key, value in state.items()}
    return _build(path, "vae", lambda: _read_vae(named, config, dtype))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a file by their names, and its metadata; ModelError for a pickle that wants to run code."""
    if path.suffix == ".safetensors":
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    try:
        with torch.serialization.safe_globals(_BESIDE_WEIGHTS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if _is_safetensors(path):
            raise ModelError(
                f"base model {path}: safetensors by its content; rename it {path.stem}.safetensors"
            ) from error
        raise ModelError(f"base model {path}: refused, {pickle_fault(error)}; use a .safetensors file") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise ModelError(f"base model {path}: holds no weights by name; use a .safetensors file")
    return {key: value for key, value in state.items() if isinstance(value, Tensor)}, {}


def _is_safetensors(path: Path) -> bool:
    """A header is JSON behind its length."""
    with path.open("rb") as stream:
        return stream.read(10)[8:] == b'{"'


def _clip_name(key: str) -> str:
    """SD 1's usual name; some files, and merges with them, lack ``text_model.``, which A1111 and kohya put back too."""
    part = key.removeprefix(_TRANSFORMER)
    return CLIP_PREFIX + part if part != key and part.startswith(_CLIP_PARTS) else key


def _half(path: Path, state: Mapping[str, Tensor], *, ema: bool) -> dict[str, Tensor]:
    """The weights without their other half, which the original code keeps under flattened names."""
    plain = {key: value for key, value in state.items() if not key.startswith(EMA_PREFIX)}
    if not ema:
        return plain
    names = {
        key: EMA_PREFIX + key.removeprefix("model.").replace(".", "") for key in plain if key.startswith(UNET_PREFIX)
    }
    missing = [name for name in names.values() if name not in state]
    if missing:
        raise ModelError(
            f"base model {path}: base_model_ema asks for averaged weights, and it has"
            f" {'none' if len(missing) == len(names) else f'no {missing[0]}'}; leave base_model_ema out"
        )
    return {key: state[names[key]] if key in names else value for key, value in plain.items()}


def _build(path: Path, name: str, read: Callable[[], nn.Module]) -> nn.Module:
    network = read_or_refuse(str(path), name, read)
    weights = network.state_dict()
    lacking = [key for key, value in weights.items() if value.is_meta]
    if len(lacking) == len(weights):
        raise ModelError(f"base model {path}: has no {name}")
    refuse_lacking(str(path), name, lacking)
    return network


def _read_unet(state: Mapping[str, Tensor], config: Path, dtype: torch.dtype) -> nn.Module:
    settings = UNet2DConditionModel.load_config(config / "unet")
    return _filled(UNet2DConditionModel, settings, convert_ldm_unet_checkpoint(dict(state), settings), dtype)


def _read_vae(state: Mapping[str, Tensor], config: Path, dtype: torch.dtype) -> nn.Module:
    settings = AutoencoderKL.load_config(config / "vae")
    is_of_diffusers = any(key.startswith("encoder.down_blocks.") for key in state)
    weights = state if is_of_diffusers else convert_ldm_vae_checkpoint(dict(state), settings)
    return _filled(AutoencoderKL, settings, weights, dtype)


def _filled(cls: Any, settings: Any, weights: Mapping[str, Tensor | None], dtype: torch.dtype) -> nn.Module:  # noqa: ANN401
    """A network of diffusers with the weights that there are; the others stay on the meta device.

    diffusers' own ``from_single_file`` fails at the first of those, and warns of every dtype.

    Raises:
        ValueError: a weight has another shape than the configuration tells, or a layer is none of its layers.
    """
    with torch.device("meta"):
        network: nn.Module = cls.from_config(settings)
    there = {key: value.to(dtype) for key, value in weights.items() if value is not None}
    _check_fit({key: value.shape for key, value in network.state_dict().items()}, there)
    network.load_state_dict(there, strict=False, assign=True)
    return network


def _check_fit(shapes: Mapping[str, torch.Size], weights: Mapping[str, Tensor]) -> None:
    for key, value in weights.items():
        if key in shapes and value.shape != shapes[key]:
            raise ValueError(f"{key} is {tuple(value.shape)} where its configuration has {tuple(shapes[key])}")
        if key not in shapes and ".resnets." in key:  # which would draw something else without it
            raise ValueError(f"{key} is of a layer that its configuration does not have")


def _read_text_encoder(state: Mapping[str, Tensor], config: Path, dtype: torch.dtype) -> nn.Module:
    network: nn.Module = create_diffusers_clip_model_from_ldm(
        CLIPTextModel,
        dict(state),
        subfolder="text_encoder",
        config=str(config),
        torch_dtype=dtype,
        local_files_only=True,
    )
    return network
