"""A network that a person names by a folder or a hub id, and that is no Stable Diffusion; needs no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dbsweep.errors import ModelError
from dbsweep.models.hub import ANY_MODEL_WEIGHTS, MODEL_WEIGHTS, download
from dbsweep.models.sources import is_hub_id

CONFIG = "config.json"


def local_folder(name: str, kind: str, take: str) -> Path | None:
    """The folder of that name, if it has weights; None for a hub id.

    Args:
        kind: what it should be: ``captioner``.
        take: what messages advise in its place.

    Raises:
        ModelError: it is neither, or has no weights.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not any(any(folder.glob(pattern)) for pattern in ANY_MODEL_WEIGHTS[0]):
            raise ModelError(f"model {name}: the folder has no weights ({' or '.join(ANY_MODEL_WEIGHTS[0])}); {take}")
        return folder
    if folder.exists():
        raise ModelError(f"model {name}: is a file; give the folder of a {kind}, or a hub id")
    if not is_hub_id(name):
        raise ModelError(f"model {name}: no such folder, and not a hub id (owner/name); check the path")
    return None


def with_weights(name: str, folder: Path | None, files: Sequence[str]) -> Path:
    """The folder of all that a network is loaded from, which one of the hub is fetched for.

    Args:
        folder: as `local_folder` gives it.
        files: patterns of what is fetched beside the weights.

    Raises:
        ModelError, DiskError: as `dbsweep.models.hub.download`.
    """
    return download(name, files, f"model {name}", weights=MODEL_WEIGHTS) if folder is None else folder


def read_config(folder: Path, name: str, kind: str, take: str) -> dict[str, Any]:
    """What a network's ``config.json`` says; arguments as `local_folder`.

    Raises:
        ModelError: it is not there, cannot be read, or asks for code that comes with the weights.
    """
    content = read_object(folder / CONFIG, f"model {name}", f", so it is no {kind}; {take}")
    if "auto_map" in content:
        raise ModelError(f"model {name}: wants code of its own to be run, which is never done here; {take}")
    return content


def read_object(file: Path, what: str, without: str) -> dict[str, Any]:
    """What a model's file says that holds a JSON object.

    Args:
        what: the model, as messages begin; without: how the one ends that says that there is no such file.

    Raises:
        ModelError: it is not there, or cannot be read.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{what}: it has no {file.name}{without}") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{what}: its {file.name} cannot be read as JSON ({error}); get it again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{what}: its {file.name} is not a model's; get it again")
    return content
