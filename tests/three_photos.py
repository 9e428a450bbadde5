"""A folder of three photos of different shapes, for the tests that prepare photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_three_photos(folder: Path) -> Path:
    """150×100, 100×250 and 96×96 pixels of noise, ``0.png`` to ``2.png``, in a new folder, which is returned."""
    folder.mkdir()
    for index, size in enumerate([(150, 100), (100, 250), (96, 96)]):
        noise = np.random.default_rng(index).integers(0, 256, (10, 10, 3), dtype=np.uint8)
        Image.fromarray(noise).resize(size).save(folder / f"{index}.png")
    return folder
