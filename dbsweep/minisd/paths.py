"""Where the shipped weights are; light, because planning a sweep asks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dbsweep.models.single_file.embedded import PIPELINE

WEIGHTS: Final = PIPELINE.parent
MAX_BYTES: Final = 24_000_000
"""All shipped weights together stay under this."""


def pipeline_path() -> Path:
    """Return the folder of the shipped diffusers pipeline; `StableDiffusionPipeline.from_pretrained` reads it."""
    return PIPELINE


def clip_path() -> Path:
    """Return the folder of the shipped open_clip model; open_clip reads it as `local-dir:<folder>`."""
    return WEIGHTS / "clip"
