"""A tiny random CLIP, an encoder that is arithmetic and what it makes of four men, for the tests of scoring."""

from __future__ import annotations

import json
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from dbsweep.scoring.reference import Reference, build_reference
from tests.scoring.corner import CornerEncoder
from tests.scoring.men import PHOTOS, PROMPTS, SEEDS, base_images

CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An open_clip folder of random weights with the standard tokenizer."""
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    model = open_clip.CLIP(**json.loads(json.dumps(CLIP)))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    preprocess = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"}
    config = {"model_cfg": CLIP, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture
def corner() -> CornerEncoder:
    return CornerEncoder()


@pytest.fixture
def reference(corner: CornerEncoder) -> Reference:
    return build_reference(PROMPTS, SEEDS, base_images(), PHOTOS, corner)
