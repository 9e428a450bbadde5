"""Whether the files of an encoder are to be had, found out without loading it: before a run, and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dbsweep.config.fields import LOCAL
from dbsweep.errors import ModelError
from dbsweep.models.hub import download
from dbsweep.models.network_folder import read_object
from dbsweep.plan.memory.encoders import WEIGHTS
from dbsweep.scoring.encoder_source import HUB, OPEN_CLIP_CONFIG, encoder_source, hub_id_of, model_and_tag

DINO_FILES = ("config.json", "preprocessor_config.json")
_DINO_WEIGHTS = ("*.safetensors", "*.bin")

_ANOTHER = "; check that it is the right model"
"""What to do where a file of a model is not there."""


def check_encoder(name: str, field: str) -> None:
    """Finds an open_clip encoder that is none; of one on the hub no more than its configuration is fetched.

    Its weights are looked for in the cache where the hub does not answer.

    Args:
        name: as `dbsweep.scoring.encoders.load_encoder` takes it.
        field: the setting that names it.

    Raises:
        ModelError: it is none, or not to be had.
        DiskError: as `download`.
    """
    source = encoder_source(name, field)
    if source.startswith(LOCAL):
        folder = Path(source.removeprefix(LOCAL))
        _check_weights(folder, WEIGHTS, f"{field} {name}")
    elif source.startswith(HUB):
        folder = download(source.removeprefix(HUB), (OPEN_CLIP_CONFIG,), f"{field} {name}", later=(WEIGHTS,))
    else:
        hub_id = hub_id_of(*model_and_tag(source, field))
        what = f"{field} {name}, which is {hub_id} on the hub"
        download(hub_id, (OPEN_CLIP_CONFIG,), what, later=(WEIGHTS,))
        return  # open_clip itself has its configuration
    if "model_cfg" not in read_object(folder / OPEN_CLIP_CONFIG, f"{field} {name}", _ANOTHER):
        raise ModelError(f"{field} {name}: not an open_clip model, its {OPEN_CLIP_CONFIG} has no model_cfg")


def check_dino(name: str) -> None:
    """Finds what is no DINOv2; of one on the hub no more than its configuration is fetched.

    Raises:
        ModelError: it is none, or not to be had.
        DiskError: as `download`.
    """
    what = f"evaluate.identity.dinov2 {name}"
    folder = Path(name)
    if folder.is_dir():
        _check_weights(folder, _DINO_WEIGHTS, what)
    elif folder.is_absolute() or name.startswith("."):
        raise ModelError(f"{what}: there is no such folder")
    else:
        folder = download(name, DINO_FILES, what, later=(_DINO_WEIGHTS,))
    config, _ = (read_object(folder / file, what, _ANOTHER) for file in DINO_FILES)
    if config.get("model_type") != "dinov2":
        raise ModelError(f"{what}: not a DINOv2, its {DINO_FILES[0]} tells of a {config.get('model_type')} model")


def _check_weights(folder: Path, patterns: Sequence[str], what: str) -> None:
    if not any(any(folder.glob(pattern)) for pattern in patterns):
        raise ModelError(f"{what}: the folder has no weights ({', '.join(patterns)})")
