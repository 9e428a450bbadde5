"""MiniSD's configuration, which no hub has: it lies in the package, and a single file of MiniSD is known by its shapes.

So what was exported of MiniSD, or merged with it, is a base model again, on a machine without a network too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dbsweep.models.single_file.kinds import CLIP_PREFIX, UNET_PREFIX

PIPELINE: Final = Path(__file__).parents[2] / "minisd" / "weights" / "pipeline"
"""The diffusers folder that comes with dbsweep."""

_FIRST = f"{UNET_PREFIX}input_blocks.0.0.weight"
_WORDS = f"{CLIP_PREFIX}embeddings.token_embedding.weight"


def is_minisd(shapes: Mapping[str, Sequence[int]]) -> bool:
    """Whether weights are of MiniSD's architecture: by the UNet's first layer, and by a vocabulary that is its own.

    Args:
        shapes: of a single file's weights, by name; empty ones tell nothing.
    """
    unet, text = _config("unet"), _config("text_encoder")
    first = [unet["block_out_channels"][0], unet["in_channels"]]
    words = [text["vocab_size"], text["hidden_size"]]
    return [*shapes.get(_FIRST, ())][:2] == first and [*shapes.get(_WORDS, ())] == words


def _config(network: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((PIPELINE / network / "config.json").read_text(encoding="utf-8"))
    return content
