"""An encoder that is arithmetic, and images for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dbsweep.scoring.encoders import Embeddings, Pixels


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


def pixels(corner: npt.ArrayLike, size: int = 4) -> Pixels:
    """An image whose top left pixel is 100 + 100 · `corner`, and that is not flat."""
    image = np.zeros((size, size, 3), dtype=np.uint8)
    image[::2, 1:] = 255
    image[0, 0] = np.round(100.0 + 100.0 * np.asarray(corner))
    return image
