"""How large a DINOv2 is: by its configuration where it lies here, else by its name."""

from __future__ import annotations

import json
from pathlib import Path

_SIZES = {"small": (384, 12), "base": (768, 12), "large": (1024, 24), "giant": (1536, 40)}
"""Width and layers of the published ones, by a word of their names; others are taken for base."""


def dinov2_bytes(name_or_folder: str) -> int:
    """Of its float32 weights: 12 w² a layer, and about 2,000 w of patches and places; true to 0.3% of the published."""
    name = Path(name_or_folder).name.lower()
    by_name = next((size for word, size in _SIZES.items() if word in name), _SIZES["base"])
    width, layers = _configured(Path(name_or_folder)) or by_name
    return 4 * (12 * layers * width**2 + 2_000 * width)


def _configured(folder: Path) -> tuple[int, int] | None:
    """Width and layers; None where no configuration says so: `dbsweep.scoring.encoder_files` tells why."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return int(config["hidden_size"]), int(config["num_hidden_layers"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
