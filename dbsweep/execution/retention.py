"""What a checkpoint still holds."""

from __future__ import annotations

from pathlib import Path

from dbsweep.models.checkpoint_files import TREE
from dbsweep.models.checkpoints import read_manifest


def has_state(folder: Path) -> bool:
    """Whether training can go on from a checkpoint; ModelError if it is none."""
    return TREE in read_manifest(folder).files
