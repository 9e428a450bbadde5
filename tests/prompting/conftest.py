"""A tiny language model, made once; read only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prompting.tiny_language_models import write_gpt2


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gpt2(tmp_path_factory.mktemp("gpt2"))
