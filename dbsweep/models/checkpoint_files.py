"""The files of a checkpoint folder, and taking some of them away; needs no torch, so that a driver can do it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dbsweep.models.durable import flush

MANIFEST = "manifest.json"
"""The file that makes a folder a checkpoint (`dbsweep.models.checkpoints.CheckpointManifest`)."""
TENSORS = "state.safetensors"
TREE = "state.json"

STATE_FILES = (TENSORS, TREE)
WEIGHT_FILES = ("unet.safetensors", "text_encoder.safetensors", "lora.safetensors")

DROPPED = (
    "its weights were dropped (checkpoints.keep); take one of those that `dbsweep best` lists, "
    "or run again with checkpoints.keep=all"
)
"""What to say of a checkpoint that has none of the weight files."""


def lost_files(folder: Path) -> tuple[str, ...]:
    """What is gone of a checkpoint: its manifest, which may be there and damaged, or weights that this lists."""
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return tuple(name for name in WEIGHT_FILES if name in listed and not (folder / name).is_file())
    except (OSError, ValueError, LookupError, TypeError):
        return (MANIFEST,)


def drop_state(folder: Path) -> None:
    """Takes the training state out of a checkpoint and leaves the weights."""
    _drop(folder, STATE_FILES)


def drop_weights(folder: Path) -> None:
    """Takes the weights out of a checkpoint and leaves the training state, which holds them in fp32, if it is there."""
    _drop(folder, WEIGHT_FILES)


def manifest_without(manifest: str, names: Sequence[str], bytes_of: Mapping[str, int]) -> str | None:
    """The manifest of a checkpoint without some of its files; None where it lists none of them.

    Args:
        bytes_of: the files' sizes.
    """
    content = json.loads(manifest)
    kept = {name: digest for name, digest in content["files"].items() if name not in names}
    if len(kept) == len(content["files"]):
        return None
    return json.dumps({**content, "files": kept, "bytes": sum(bytes_of[name] for name in kept)}, indent=2)


def _drop(folder: Path, names: Sequence[str]) -> None:
    """The manifest goes first: whatever kills the process, what it lists is there. What is no checkpoint is left."""
    path = folder / MANIFEST
    if not path.is_file():
        return
    sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
    manifest = manifest_without(path.read_text(encoding="utf-8"), names, sizes)
    if manifest is not None:
        fresh = folder / f".{MANIFEST}.new"
        fresh.write_text(manifest, encoding="utf-8")
        flush(fresh)
        os.replace(fresh, path)
    for name in names:
        (folder / name).unlink(missing_ok=True)
