"""Checkpoints on disk: trained weights, the state to go on from, and a manifest that makes them count."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from safetensors.torch import load_file
from torch import Tensor, nn

from dbsweep.config.lora import LAYERS
from dbsweep.errors import DiskError, ModelError
from dbsweep.models.adapters import (
    AdapterShape,
    add_adapters,
    is_adapter,
    load_adapters,
    merge_adapters,
    remove_adapters,
    weight_tensors,
)
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.checkpoint_files import DROPPED, MANIFEST, WEIGHT_FILES
from dbsweep.models.durable import flush, new_folder
from dbsweep.models.hashes import file_sha256, values_sha256
from dbsweep.models.precision import Precision
from dbsweep.models.refusals import read_or_refuse
from dbsweep.models.safetensors_file import cast, save_tensors
from dbsweep.models.sources import BaseSource
from dbsweep.models.tensor_tree import State, read_tree, write_tree
from dbsweep.records.record import Record, Scalar

LORA = "lora"
"""Stem of the file that has the adapters of a LoRA."""

TEXT_ENCODER = "text_encoder.safetensors"
"""The text encoder's file; a checkpoint without one has the base model's."""

RESERVE_BYTES = 32 * 2**20
"""Disk that a checkpoint leaves free, for images, the ledger and logs."""


class CheckpointManifest(Record):
    """What a checkpoint holds; written last, so a folder without it is no checkpoint.

    Attributes:
        id: ``b01-000120``: branch and step.
        step, epoch: optimizer steps and epochs since the base model.
        base_sha256: `StableDiffusion.sha256` of the base model that the weights belong to.
        base: where that base model lay when they were trained; None in checkpoints that are older than this field.
        sha256: of the trained weights' values before rounding to ``precision``; filled in by `write_checkpoint`.
        precision: of the weight files.
        lora: what the adapters are like where it holds nothing but them; None for whole networks.
        savings: settings of `train` that were changed because memory had run out.
        untold: steps whose figures are in the state and nowhere else: those since the last finished checkpoint, where
            training was stopped between two.
        files: name → SHA-256 of the file; filled in by `write_checkpoint`.
        bytes: of all files but the manifest; filled in by `write_checkpoint`.
    """

    id: str
    step: int
    epoch: int
    base_sha256: str
    base: BaseSource | None = None
    sha256: str = ""
    precision: Precision = Precision.FP32
    lora: AdapterShape | None = None
    savings: dict[str, Scalar] = Field(default_factory=dict)
    untold: int = 0
    files: dict[str, str] = Field(default_factory=dict)
    bytes: int = 0


def write_checkpoint(
    folder: Path,
    *,
    unet: nn.Module,
    text_encoder: nn.Module | None,
    state: Mapping[str, State] | None,
    manifest: CheckpointManifest,
    precision: Precision = Precision.FP32,
) -> CheckpointManifest:
    """Writes a checkpoint that appears whole or not at all, in place of an older one of that name.

    Args:
        unet, text_encoder: of a LoRA (`CheckpointManifest.lora`) the adapters alone are written; the text encoder is
            None where it was never trained and is the base model's.
        state: what training goes on from (`dbsweep.models.tensor_tree`), or None.
        manifest: id, step, epoch and base; the rest is filled in.

    Returns:
        The manifest as written.

    Raises:
        DiskError: there is no room for it; nothing is left behind.
    """
    networks = {"unet": unet} | ({"text_encoder": text_encoder} if text_encoder is not None else {})
    kept: dict[str, Mapping[str, Tensor]] = {name: network.state_dict() for name, network in networks.items()}
    if manifest.lora is not None:
        kept = {LORA: weight_tensors(networks, is_adapter)}
    _check_room(folder, sum(_kept_bytes(values, precision) for values in kept.values()) + _state_bytes(state))
    with new_folder(folder) as temporary:
        for name, values in kept.items():
            rounded = {key: cast(value, precision.dtype) for key, value in values.items()}
            save_tensors(temporary / f"{name}.safetensors", rounded)
        if state is not None:
            write_tree(temporary, state)
        files = sorted(temporary.iterdir())
        for file in files:
            flush(file)
        written = manifest.model_copy(
            update={
                "sha256": values_sha256(kept),
                "precision": precision,
                "files": {file.name: file_sha256(file) for file in files},
                "bytes": sum(file.stat().st_size for file in files),
            }
        )
        (temporary / MANIFEST).write_text(written.model_dump_json(indent=2))
        flush(temporary / MANIFEST)
    return written


def read_manifest(folder: Path) -> CheckpointManifest:
    """The manifest; ModelError when there is none that can be read."""
    try:
        return CheckpointManifest.model_validate_json((folder / MANIFEST).read_text())
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        raise ModelError(
            f"checkpoint {folder}: no readable {MANIFEST}, so it was never finished; train it again"
        ) from error


def manifest_for(folder: Path, models: StableDiffusion) -> CheckpointManifest:
    """The manifest of a checkpoint of these models; ModelError when it is of others or has no weights."""
    manifest = read_manifest(folder)
    if manifest.base_sha256 != models.sha256:
        raise ModelError(
            f"checkpoint {folder}: trained from another base model (sha256 {manifest.base_sha256[:10]}) "
            f"than {models.source} ({models.sha256[:10]})"
        )
    if not any(name in manifest.files for name in WEIGHT_FILES):
        raise ModelError(f"checkpoint {folder}: {DROPPED}")
    return manifest


def verify(folder: Path) -> bool:
    """Whether the manifest and every file that it lists are there and unchanged."""
    try:
        manifest = read_manifest(folder)
        return all(file_sha256(folder / name) == digest for name, digest in manifest.files.items())
    except (ModelError, OSError):
        return False


def read_onto_base(folder: Path, models: StableDiffusion) -> None:
    """Loads the weights into networks that have the base model's; `dbsweep.models.restoring` is for any others.

    A LoRA is worked into the base model's weights.

    Raises:
        ModelError: not a finished checkpoint, damaged, or of another base model.
    """
    manifest = manifest_for(folder, models)
    if manifest.lora is not None:
        attach_lora(folder, models)
        merge_adapters(models.networks)
        return
    remove_adapters(models.networks)
    if TEXT_ENCODER in manifest.files:
        _load(folder / TEXT_ENCODER, models.text_encoder)
    _load(folder / "unet.safetensors", models.unet)


def attach_lora(folder: Path, models: StableDiffusion) -> None:
    """Lays the LoRA of a checkpoint around the networks, which have the base model's weights, without merging it.

    Raises:
        ModelError: the checkpoint is no LoRA, is damaged or of another base model, or has another file in its LoRA's
            place.
    """
    shape = lora_shape(folder, manifest_for(folder, models))
    tensors = read_or_refuse(f"checkpoint {folder}", LORA, lambda: load_file(folder / f"{LORA}.safetensors"))
    adapted = {name: models.networks[name] for name in _adapted(folder, tensors)}
    add_adapters(adapted, shape)
    load_adapters(adapted, tensors)


def lora_shape(folder: Path, manifest: CheckpointManifest) -> AdapterShape:
    """What the adapters of a checkpoint are like; ModelError where it holds whole networks."""
    if manifest.lora is None:
        raise ModelError(
            f"checkpoint {folder}: holds whole networks and no LoRA (train.lora_rank trains one); export another format"
        )
    return manifest.lora


def read_state(folder: Path) -> dict[str, Any]:
    """The state that `write_checkpoint` was given, tensors on the CPU; ModelError when it is absent or damaged."""
    if "state.json" not in read_manifest(folder).files:
        raise ModelError(f"checkpoint {folder}: keeps no training state, so training cannot go on from it")
    return read_or_refuse(f"checkpoint {folder}", "the training state", lambda: read_tree(folder))


def _adapted(folder: Path, tensors: Mapping[str, Tensor]) -> list[str]:
    """The networks that a LoRA's weights are of; without any it would draw as the base model, and nobody would know."""
    names = {key.partition(".")[0] for key in tensors}
    if not names or not names <= LAYERS.keys():
        has = f"weights such as {min(tensors)}" if tensors else "no weights"
        raise ModelError(
            f"checkpoint {folder}: {LORA}.safetensors has {has} and is not the LoRA that was trained; take another"
            " checkpoint, or train it again"
        )
    return sorted(names)


def _check_room(folder: Path, needed: int) -> None:
    """Refuses before the first byte: a disk filled to the brim would take the ledger's next write with it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    if free < needed + RESERVE_BYTES:
        raise DiskError(
            f"the next checkpoint needs {needed / 2**20:.0f} MiB and {RESERVE_BYTES / 2**20:.0f} MiB beside it, and"
            f" {folder.parent} has {free / 2**20:.0f} MiB free: free some disk"
        )


def _kept_bytes(values: Mapping[str, Tensor], precision: Precision) -> int:
    width = precision.dtype.itemsize
    return sum(v.numel() * (width if v.is_floating_point() else v.element_size()) for v in values.values())


def _state_bytes(state: State) -> int:
    if isinstance(state, Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, Mapping):
        return sum(_state_bytes(value) for value in state.values())
    return sum(_state_bytes(value) for value in state) if isinstance(state, (list, tuple)) else 0


def _load(file: Path, network: nn.Module) -> None:
    read_or_refuse(f"checkpoint {file.parent}", file.name, lambda: network.load_state_dict(load_file(file)))
