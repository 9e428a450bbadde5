"""Where the mask of a photo stands: in a grey picture beside it, under the name that OneTrainer gives it."""

from __future__ import annotations

from pathlib import Path

_LABEL = "-masklabel"


def mask_file(photo: Path) -> Path:
    """The file that would hold a photo's mask, there or not. Whoever wants to know asks here."""
    return photo.with_name(f"{photo.stem}{_LABEL}.png")


def is_mask(path: Path) -> bool:
    """Whether a picture says by its name that it is the mask of another, and so is no photo, read or not."""
    return path.stem.lower().endswith(_LABEL)
