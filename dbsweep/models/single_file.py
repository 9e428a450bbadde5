"""Single-file models in the layout of the original Stable Diffusion code: ``.safetensors`` and ``.ckpt``."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPTextModel

from dbsweep.errors import ModelError
from dbsweep.models.refusals import read_or_refuse

UNET_PREFIX = "model.diffusion_model."
TEXT_ENCODER_PREFIX = "cond_stage_model."
VAE_PREFIX = "first_stage_model."
SDXL_PREFIX = "conditioner.embedders."


def read_weights_file(path: Path) -> dict[str, Tensor]:
    """All tensors of a single-file Stable Diffusion 1.x or 2.x by their original names.

    Raises:
        ModelError: the file is damaged, wants to run code when it is read, or holds another kind of model.
    """
    state = read_or_refuse(str(path), "the file", lambda: _read_tensors(path))
    if any(key.startswith(SDXL_PREFIX) for key in state):
        raise ModelError(f"base model {path}: this is an SDXL model; only Stable Diffusion 1.x and 2.x are supported")
    prefixes = {"UNet": UNET_PREFIX, "text encoder": TEXT_ENCODER_PREFIX, "VAE": VAE_PREFIX}
    missing = [part for part, prefix in prefixes.items() if not any(key.startswith(prefix) for key in state)]
    if missing:
        raise ModelError(f"base model {path}: not a whole Stable Diffusion model, it has no {' and no '.join(missing)}")
    return state


def read_networks(path: Path, config: Path, dtype: torch.dtype) -> dict[str, nn.Module]:
    """The networks of a single file, built after the configurations in a diffusers folder.

    Raises:
        ModelError: as `read_weights_file`, or the file does not fit the configurations.
    """
    state = read_weights_file(path)
    readers = {"vae": _read_vae, "unet": _read_unet, "text_encoder": _read_text_encoder}
    networks: dict[str, nn.Module] = {}
    for name, read in readers.items():
        network = read_or_refuse(str(path), name, lambda read=read: read(state, config, dtype))  # type: ignore[misc]
        absent = [key for key, value in network.state_dict().items() if value.is_meta]
        if absent:
            raise ModelError(f"base model {path}: {name} lacks {len(absent)} weights, e.g. {absent[0]}")
        networks[name] = network
    return networks


def is_version_2(path: Path) -> bool:
    """Whether the file's text encoder is SD 2's OpenCLIP; ModelError as `read_weights_file`."""
    return any(key.startswith("cond_stage_model.model.") for key in read_weights_file(path))


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        tensors: dict[str, Tensor] = load_file(path)
        return tensors
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's message advises to switch the protection off: not repeated here.
        raise ModelError(
            f"base model {path}: refused, it is damaged or a pickle that holds code besides weights; "
            "use a .safetensors file"
        ) from error
    state = content.get("state_dict", content) if isinstance(content, dict) else {}
    return {key: value for key, value in state.items() if isinstance(value, Tensor)}


def _read_vae(state: dict[str, Tensor], config: Path, dtype: torch.dtype) -> Any:  # noqa: ANN401
    return AutoencoderKL.from_single_file(
        dict(state), config=str(config), subfolder="vae", torch_dtype=dtype, local_files_only=True
    )


def _read_unet(state: dict[str, Tensor], config: Path, dtype: torch.dtype) -> Any:  # noqa: ANN401
    return UNet2DConditionModel.from_single_file(
        dict(state), config=str(config), subfolder="unet", torch_dtype=dtype, local_files_only=True
    )


def _read_text_encoder(state: dict[str, Tensor], config: Path, dtype: torch.dtype) -> Any:  # noqa: ANN401
    return create_diffusers_clip_model_from_ldm(
        CLIPTextModel,
        dict(state),
        subfolder="text_encoder",
        config=str(config),
        torch_dtype=dtype,
        local_files_only=True,
    )
