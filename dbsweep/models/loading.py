"""Base models in: a diffusers folder, a single file, or a hub id becomes a `StableDiffusion`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from torch import nn
from transformers import CLIPTextModel
from transformers.utils import logging as transformers_logging

from dbsweep.errors import ModelError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.checkpoints import read_manifest, read_onto_base
from dbsweep.models.hashes import weights_sha256
from dbsweep.models.hub import CONFIG_FILES, VAE_CONFIG, VAE_WEIGHTS, WEIGHTS, download
from dbsweep.models.quiet import without_reports
from dbsweep.models.refusals import read_or_refuse, refuse_lacking, refuse_misfits, without_numbers
from dbsweep.models.single_file.config import config_beside, find_config
from dbsweep.models.single_file.embedded import PIPELINE
from dbsweep.models.single_file.reading import read_networks, read_single_file, read_tensors, read_vae
from dbsweep.models.sources import (
    BaseSource,
    check_base,
    check_folder,
    is_checkpoint,
    weight_kind,
)
from dbsweep.models.tokenizer import read_tokenizer

SD_SCALE = 0.18215
"""Of latents, where a configuration does not tell; `AutoencoderKL` has the same."""
LATENTS = ("decoder.conv_in.weight", "first_stage_model.decoder.conv_in.weight")
"""Weights of a VAE's file, in either layout, that tell how many channels its latents have."""

for logging in (diffusers_logging, transformers_logging):
    logging.disable_progress_bar()  # one bar a network would break the live view of a run


def load_base(
    source: BaseSource | str, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> StableDiffusion:
    """Loads a Stable Diffusion 1.x or 2.x for training and sampling, in evaluation mode.

    No code that comes with a model is ever run: parts are loaded by fixed classes, pickles as plain weights,
    and the safety checker is left out.

    Args:
        source: a diffusers pipeline folder, a ``.safetensors`` or ``.ckpt`` file, the folder of a run's checkpoint,
            or a hub id (``HF_HUB_OFFLINE=1`` is honoured).
            Configuration, tokenizer and scheduler of a single file come from a diffusers folder beside it that has its
            name without the suffix, or else from the hub's copy of its family, which is found from the weights. A
            `BaseSource` also says which half of a file to take, and another VAE.
        dtype: of all networks, whatever the files hold.

    Raises:
        ModelError: it is missing, incomplete or damaged, its weights are no numbers, or it is not a Stable Diffusion
            1.x or 2.x.
    """
    return _load(source if isinstance(source, BaseSource) else BaseSource(source=source), dtype, None).to(device)


def load_again(models: StableDiffusion) -> StableDiffusion:
    """What `models` was loaded from, with a UNet and a text encoder of its own on the CPU.

    The VAE, which nothing trains, is the very one of `models`, where it is; in half precision it is read again, for a
    checkpoint knows its base model by the float32 values.

    Raises:
        ModelError: as `load_base`.
    """
    is_whole = models.dtype == models.vae.dtype == torch.float32
    return _load(models.source, models.dtype, models.vae if is_whole else None)


def _load(base: BaseSource, dtype: torch.dtype, vae: nn.Module | None) -> StableDiffusion:
    """As `load_base`.

    Args:
        vae: to be taken, and not read; None where there is none yet.
    """
    check_base(base)
    path = Path(base.source)
    if path.is_file():
        return _load_file(path, base, dtype, vae)
    if is_checkpoint(path):
        return _load_checkpoint(path, base, dtype, vae)
    folder = path if path.is_dir() else download(base.source, CONFIG_FILES, weights=WEIGHTS)
    return _load_folder(folder, base, dtype, vae)


def _load_folder(folder: Path, base: BaseSource, dtype: torch.dtype, vae: nn.Module | None) -> StableDiffusion:
    source = base.source
    check_folder(folder, None if Path(source).exists() else source)
    networks = {
        "unet": _read_network(UNet2DConditionModel, folder / "unet", source, torch_dtype=dtype),
        "text_encoder": _read_network(CLIPTextModel, folder / "text_encoder", source, dtype=dtype),
    }
    if vae is None and base.vae is None:
        vae = _read_network(AutoencoderKL, folder / "vae", source, torch_dtype=dtype)
    networks["vae"] = _other_vae(base, folder, dtype) if vae is None else vae
    return _bundle(networks, folder, base)


def _load_checkpoint(folder: Path, base: BaseSource, dtype: torch.dtype, vae: nn.Module | None) -> StableDiffusion:
    """The model that a run trained; its own base model must still be where it was."""
    below = base.below if base.below is not None else read_manifest(folder).base
    if below is None:
        raise ModelError(f"base model {folder}: made before checkpoints told their base model; export it")
    models = _load(below, torch.float32, vae)  # the manifest's hash is of these values
    read_onto_base(folder, models)
    for network in models.networks.values():
        nn.Module.to(network, dtype)  # diffusers' own method warns of modules to keep in float32, also without any
        network.eval()
    return dataclasses.replace(
        models,
        source=base,
        sha256=weights_sha256(models.networks),
        text_encoder_sha256=weights_sha256({"text_encoder": models.text_encoder}),
    )


def _load_file(path: Path, base: BaseSource, dtype: torch.dtype, vae: nn.Module | None) -> StableDiffusion:
    has_own = vae is None and base.vae is None
    file = read_single_file(path, ema=base.ema, needs_vae=has_own)
    folder = find_config(path, sd2=file.family.is_sd2)
    networks = read_networks(file, folder, dtype, with_vae=has_own)
    if not has_own:
        networks["vae"] = _other_vae(base, folder, dtype) if vae is None else vae
    # A folder that somebody put there, and MiniSD's own, know better than a guess from the weights.
    told = {} if folder in (config_beside(path), PIPELINE) else {"prediction_type": file.family.prediction_type}
    return _bundle(networks, folder, base, scheduler=told)


def _other_vae(base: BaseSource, config: Path, dtype: torch.dtype) -> nn.Module:
    """The VAE that is to take the place of the model's own.

    A single file tells no configuration: it is built after the model's, scale of the latents and all, as A1111 and
    kohya's scripts take every file for one of the model's family.

    Args:
        config: a folder with the configuration of the model's own VAE.

    Raises:
        ModelError: it cannot be read, or its latents are not those that the model's UNet knows.
    """
    assert base.vae is not None
    own: Any = AutoencoderKL.load_config(config / "vae")
    try:
        vae: Any = _read_other_vae(base.vae, config, dtype, own["latent_channels"])
    except ModelError as error:
        raise ModelError(f"VAE {str(error).removeprefix('base model ')}") from error
    for what, has, needs in (
        ("of {} channels", vae.config.latent_channels, own["latent_channels"]),
        ("of {} pixels a side", *(2 ** (len(c["block_out_channels"]) - 1) for c in (vae.config, own))),
        ("scaled by {}", vae.config.scaling_factor, own.get("scaling_factor", SD_SCALE)),
    ):
        if has != needs:
            raise ModelError(
                f"VAE {base.vae}: has latents {what.format(has)}, and the UNet of {base} draws them "
                f"{what.format(needs)}; give a VAE of its family"
            )
    return vae  # type: ignore[no-any-return]


def _read_other_vae(source: str, config: Path, dtype: torch.dtype, channels: int) -> nn.Module:
    path = Path(source)
    if path.is_file():
        state, _ = read_or_refuse(source, "the VAE", lambda: read_tensors(path))
        for key in LATENTS:
            if key in state and state[key].shape[1] != channels:
                raise ModelError(f"{source}: has latents of {state[key].shape[1]} channels, and {channels} are needed")
        return read_vae(path, state, config, dtype)
    folder = path if path.is_dir() else download(source, (VAE_CONFIG,), f"vae {source}", weights=VAE_WEIGHTS)
    inner = folder / "vae" if (folder / "vae").is_dir() else folder
    return _read_network(AutoencoderKL, inner, source, torch_dtype=dtype)


def _bundle(
    networks: dict[str, nn.Module], folder: Path, base: BaseSource, *, scheduler: Mapping[str, object] | None = None
) -> StableDiffusion:
    parts: dict[str, Any] = networks  # the classes of diffusers and transformers are untyped
    _check_vae(parts["vae"], parts["unet"], base)
    for name, network in networks.items():
        if (reason := without_numbers(network)) is not None:  # NaN trains to NaN and draws black pictures
            named = f"VAE {base.vae}" if name == "vae" and base.vae is not None else f"base model {base}: {name}"
            raise ModelError(f"{named} is damaged: {reason}; get its files again")
        network.eval()
    config = read_or_refuse(base.source, "scheduler", lambda: _read_scheduler_config(folder))
    return StableDiffusion(
        **parts,
        tokenizer=read_or_refuse(base.source, "tokenizer", lambda: read_tokenizer(folder)),
        scheduler_config={**config, **(scheduler or {})},
        source=base,
        sha256=weights_sha256(networks),
        text_encoder_sha256=weights_sha256({"text_encoder": networks["text_encoder"]}),
    )


def _check_vae(vae: Any, unet: Any, base: BaseSource) -> None:  # noqa: ANN401
    has, needs = vae.config.latent_channels, unet.config.out_channels
    if has != needs:
        raise ModelError(f"VAE {base.vae or base}: has latents of {has} channels, and the UNet of {base} draws {needs}")


def _read_network(cls: Any, folder: Path, source: str, **dtype: torch.dtype) -> nn.Module:  # noqa: ANN401
    kind = weight_kind(folder)._asdict()
    with without_reports():
        network, info = read_or_refuse(
            source,
            folder.name,
            lambda: cls.from_pretrained(
                folder,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # which both tell to look up in their reports, and which are named here
                **kind,
                **dtype,
            ),
        )
    # The libraries fill what a file lacks with noise and only warn.
    refuse_lacking(source, folder.name, [str(key) for key in info["missing_keys"]])
    refuse_misfits(source, folder.name, info["mismatched_keys"], _more_layers(network, info["unexpected_keys"]))
    trained: nn.Module = network
    return trained


def _more_layers(network: nn.Module, unexpected: Collection[str]) -> list[str]:
    """Weights without which it draws something else than what was trained.

    Not those of other networks that lie in the same file, nor a text encoder's last layers: a configuration that tells
    fewer than the file has is how clip skip is told.
    """
    if isinstance(network, CLIPTextModel):
        return []
    parts = {name for name, _ in network.named_children()}
    return [key for key in unexpected if key.partition(".")[0] in parts]


def _read_scheduler_config(folder: Path) -> dict[str, object]:
    config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    if not isinstance(config, dict):
        raise ValueError("scheduler_config.json is no JSON object")
    return config
