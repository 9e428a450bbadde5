"""DINOv2s are forecast as what they are, by name or by the configuration of a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from dbsweep.plan.memory.dinov2 import dinov2_bytes

PUBLISHED = {
    "small": {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6},
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16},
    "giant": {"hidden_size": 1536, "num_hidden_layers": 40, "num_attention_heads": 24, "use_swiglu_ffn": True},
}
"""What the configurations of `facebook/dinov2-…` say."""


@pytest.mark.parametrize("size", PUBLISHED)
def test_it_is_known_by_its_name_and_by_its_configuration(tmp_path: Path, size: str) -> None:
    with torch.device("meta"):
        model = Dinov2Model(Dinov2Config(image_size=518, patch_size=14, **PUBLISHED[size]))
    weights = 4 * sum(parameter.numel() for parameter in model.parameters())
    assert dinov2_bytes(f"facebook/dinov2-{size}") == pytest.approx(weights, rel=0.01)
    folder = tmp_path / "base-or-small"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(PUBLISHED[size]))
    assert dinov2_bytes(str(folder)) == dinov2_bytes(f"facebook/dinov2-{size}")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"hidden_size": "wide", "num_hidden_layers": 2}'])
def test_a_folder_that_does_not_say_is_taken_for_base(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    assert dinov2_bytes(str(tmp_path)) == dinov2_bytes("facebook/dinov2-base") == dinov2_bytes("me/mine")
