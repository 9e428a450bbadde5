"""Embeddings by the hash of the image, so that one process never embeds the same image twice."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from dbsweep.scoring.encoders import Embeddings, Encoder, ImageEncoder, Pixels

MOST: Final = 20_000
"""Rows that are kept, the latest used; 60 MB of ViT-L/14's."""


class CachedImages:
    """An encoder that remembers.

    Args:
        encoder: asked for what has not been seen.
        most: rows that are kept.
    """

    def __init__(self, encoder: ImageEncoder, most: int = MOST) -> None:
        self.name = encoder.name
        self._encoder = encoder
        self._most = most
        self._rows: OrderedDict[bytes, npt.NDArray[np.float32]] = OrderedDict()

    def encode_images(self, images: Sequence[Pixels]) -> Embeddings:
        """As the encoder's; equal images are embedded once."""
        keys = [_hash(image) for image in images]
        fresh = {key: image for key, image in zip(keys, images, strict=True) if key not in self._rows}
        if fresh or not images:
            rows = self._encoder.encode_images(list(fresh.values()))
            if not images:
                return rows
            self._rows.update(zip(fresh, rows, strict=True))
        found: Embeddings = np.stack([self._rows[key] for key in keys])
        for key in keys:
            self._rows.move_to_end(key)
        while len(self._rows) > self._most:
            self._rows.popitem(last=False)
        return found


class CachedEncoder(CachedImages):
    """An encoder of images and texts that remembers the images."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self._texts = encoder

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """As the encoder's."""
        return self._texts.encode_texts(texts)


def _hash(image: Pixels) -> bytes:
    shape = ",".join(map(str, image.shape))
    return hashlib.sha256(shape.encode() + image.tobytes()).digest()
