"""The tiny model, loaded once for this room's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.loading import load_base


@pytest.fixture(scope="session")
def models(tiny_sd: Path) -> StableDiffusion:
    """Loaded in float32 on the CPU; tests do not change its weights."""
    return load_base(str(tiny_sd))
