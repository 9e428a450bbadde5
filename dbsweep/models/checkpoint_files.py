"""The files of a checkpoint folder, and taking some of them away; needs no torch, so that a driver can do it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from dbsweep.models.durable import flush

MANIFEST = "manifest.json"
"""The file that makes a folder a checkpoint (`dbsweep.models.checkpoints.CheckpointManifest`)."""
TENSORS = "state.safetensors"
TREE = "state.json"

STATE_FILES = (TENSORS, TREE)
WEIGHT_FILES = ("unet.safetensors", "text_encoder.safetensors", "lora.safetensors")


def drop_state(folder: Path) -> None:
    """Takes the training state out of a checkpoint and leaves the weights."""
    _drop(folder, STATE_FILES)


def drop_weights(folder: Path) -> None:
    """Takes the weights out of a checkpoint and leaves the training state, which holds them in fp32, if it is there."""
    _drop(folder, WEIGHT_FILES)


def _drop(folder: Path, names: Sequence[str]) -> None:
    """The manifest goes first: whatever kills the process, what it lists is there. What is no checkpoint is left."""
    path = folder / MANIFEST
    if not path.is_file():
        return
    manifest = json.loads(path.read_text(encoding="utf-8"))
    kept = {name: digest for name, digest in manifest["files"].items() if name not in names}
    if len(kept) < len(manifest["files"]):
        size = sum((folder / name).stat().st_size for name in kept)
        fresh = folder / f".{MANIFEST}.new"
        fresh.write_text(json.dumps({**manifest, "files": kept, "bytes": size}, indent=2), encoding="utf-8")
        flush(fresh)
        os.replace(fresh, path)
    for name in names:
        (folder / name).unlink(missing_ok=True)
