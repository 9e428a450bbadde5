"""A tiny random CLIP and an encoder that is arithmetic, for the tests of scoring."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from dbsweep.scoring.encoders import Embeddings, Pixels

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


class CornerEncoder:
    """Embeds an image as its top left pixel's three channels, centred; a text as its length in three ways."""

    name = "corner"

    def encode_images(self, images: Sequence[Pixels]) -> Embeddings:
        return _unit(np.array([image[0, 0].astype(np.float32) - 100.0 for image in images]))

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        return _unit(np.array([[len(text), len(text.split()), 1.0] for text in texts], dtype=np.float32))


def _unit(rows: Embeddings) -> Embeddings:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / lengths, dtype=np.float32)


@pytest.fixture
def corner() -> CornerEncoder:
    return CornerEncoder()


def pixels(corner: npt.ArrayLike, size: int = 4) -> Pixels:
    """An image whose top left pixel is 100 + 100 · `corner`, and that is not flat."""
    image = np.zeros((size, size, 3), dtype=np.uint8)
    image[::2, 1:] = 255
    image[0, 0] = np.round(100.0 + 100.0 * np.asarray(corner))
    return image
