"""Tiny captioners, made once; read only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.captioning.tiny_captioners import WRITERS, write_tagger


@pytest.fixture(scope="session")
def captioners(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each kind that says sentences."""
    root = tmp_path_factory.mktemp("captioners")
    return {kind: write(root / kind) for kind, write in WRITERS.items()}


@pytest.fixture(scope="session")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a tagger that looks."""
    return write_tagger(tmp_path_factory.mktemp("tagger"))
