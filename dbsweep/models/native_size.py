"""What a base model was made for, and its version, by its configuration; loads no torch."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from dbsweep.errors import ModelError
from dbsweep.models.single_file.config import is_minisd_file, is_sd2_file
from dbsweep.models.single_file.embedded import PIPELINE
from dbsweep.models.sources import is_hub_id


def native_size(source: str) -> int | None:
    """Side of the square images that a base model was made for, pixels; None where no configuration lies here.

    512 for SD 1.x and 2.x base, 768 for SD 2.x: the UNet's `sample_size` times the VAE's factor, as diffusers'
    pipelines take it for the default height.

    Args:
        source: a diffusers folder, a single file with such a folder beside it or of MiniSD, or a hub id that lies in
            the cache.
    """
    folder = _folder(source)
    latent, blocks = _read(folder, "unet", "sample_size"), _read(folder, "vae", "block_out_channels")
    if not isinstance(latent, int) or not isinstance(blocks, list):
        return None
    return int(latent * 2 ** (len(blocks) - 1))


def skips_a_layer(source: str) -> bool:
    """Whether the text encoder already ends before its last layer, as that of SD 2.x does; False where none tells.

    Its file and configuration have 23 of OpenCLIP's 24 layers.

    Args:
        source: as in `native_size`; a single file is asked itself too.
    """
    path = Path(source)
    return (path.is_file() and is_sd2_file(path)) or _read(_folder(source), "text_encoder", "num_hidden_layers") == 23


def version_of(source: str) -> int | None:
    """1 or 2: which Stable Diffusion it is; None where neither a configuration nor a single file lies here.

    Args:
        source: as in `native_size`; a single file is asked itself.
    """
    path = Path(source)
    if path.is_file():
        return 2 if is_sd2_file(path) else 1
    activation = _read(_folder(source), "text_encoder", "hidden_act")
    return None if activation is None else 2 if activation == "gelu" else 1  # as `ldm_layout.is_open_clip`


def _folder(source: str) -> Path:
    path = Path(source)
    if not path.exists() and is_hub_id(source):
        cached = try_to_load_from_cache(source, "unet/config.json")
        return Path(cached).parents[1] if isinstance(cached, str) else path
    if not path.is_file():
        return path
    with suppress(ModelError):  # what is damaged `check_source` tells
        if not path.with_suffix("").is_dir() and is_minisd_file(path):
            return PIPELINE
    return path.with_suffix("")


def _read(folder: Path, network: str, field: str) -> object:
    """A field of a network's configuration; None where there is none, which `check_source` has its say on."""
    try:
        content = json.loads((folder / network / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content.get(field) if isinstance(content, dict) else None
