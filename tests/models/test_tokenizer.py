"""Tokenizers are found where they lie, without a network and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dbsweep.models.loading import load_base
from dbsweep.models.tokenizer import find_tokenizer


def test_a_tokenizer_is_found_where_it_lies_and_never_fetched(tiny_sd: Path, tmp_path: Path) -> None:
    found = find_tokenizer(str(tiny_sd))
    assert found is not None
    assert found("photo").input_ids == load_base(str(tiny_sd)).tokenizer("photo").input_ids
    (tmp_path / "model.safetensors").touch()
    assert find_tokenizer(str(tmp_path / "model.safetensors")) is None
    (tmp_path / "model").symlink_to(tiny_sd)
    assert find_tokenizer(str(tmp_path / "model.safetensors")) is not None
    assert find_tokenizer("nobody/nothing") is None


def test_looking_for_one_imports_no_torch() -> None:
    code = (
        "import sys; import dbsweep.concepts.token; from dbsweep.models.tokenizer import find_tokenizer;"
        "find_tokenizer('nowhere'); print('torch' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
