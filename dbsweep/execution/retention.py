"""Which parts of old checkpoints are kept."""

from __future__ import annotations

import os
from pathlib import Path

from dbsweep.models.checkpoints import MANIFEST, read_manifest
from dbsweep.models.durable import flush
from dbsweep.models.tensor_tree import TENSORS, TREE

STATE_FILES = (TENSORS, TREE)


def has_state(folder: Path) -> bool:
    """Whether training can go on from a checkpoint; ModelError if it is none."""
    return TREE in read_manifest(folder).files


def drop_state(folder: Path) -> None:
    """Takes the training state out of a checkpoint and leaves the weights.

    The manifest goes first: whatever kills the process, what it lists is there.
    """
    manifest = read_manifest(folder)
    kept = {name: digest for name, digest in manifest.files.items() if name not in STATE_FILES}
    size = sum((folder / name).stat().st_size for name in kept)
    fresh = folder / f".{MANIFEST}.new"
    fresh.write_text(manifest.model_copy(update={"files": kept, "bytes": size}).model_dump_json(indent=2))
    flush(fresh)
    os.replace(fresh, folder / MANIFEST)
    for name in STATE_FILES:
        (folder / name).unlink(missing_ok=True)
