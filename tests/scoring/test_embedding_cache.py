"""The cache of embeddings: the encoder's own rows, each image once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from dbsweep.scoring.embedding_cache import CachedEncoder, CachedImages
from dbsweep.scoring.encoders import Embeddings, Pixels
from tests.scoring.corner import CornerEncoder, pixels


class Counting(CornerEncoder):
    """Remembers how many images it was given at once."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def encode_images(self, images: Sequence[Pixels]) -> Embeddings:
        self.asked.append(len(images))
        return super().encode_images(images) if images else np.zeros((0, 3), dtype=np.float32)


IMAGES = [pixels(np.array(row)) for row in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])]


def test_equal_images_are_embedded_once() -> None:
    counting = Counting()
    cached = CachedImages(counting)
    first = cached.encode_images([IMAGES[0], IMAGES[1], IMAGES[0].copy()])
    again = cached.encode_images([IMAGES[2], IMAGES[1]])
    assert counting.asked == [2, 1]
    plain = CornerEncoder()
    assert np.array_equal(first, plain.encode_images([IMAGES[0], IMAGES[1], IMAGES[0]]))
    assert np.array_equal(again, plain.encode_images([IMAGES[2], IMAGES[1]]))
    assert cached.name == "corner"


def test_equal_bytes_of_another_shape_are_another_image() -> None:
    counting = Counting()
    flat = np.full((2, 8, 3), 200, dtype=np.uint8)
    CachedImages(counting).encode_images([flat, flat.reshape(4, 4, 3)])
    assert counting.asked == [2]


def test_the_longest_unused_rows_go_first() -> None:
    counting = Counting()
    cached = CachedImages(counting, most=2)
    for place in (0, 1, 0, 2, 0, 1):
        cached.encode_images([IMAGES[place]])
    assert counting.asked == [1, 1, 1, 1], "0 was used again before 2 came, so 1 went"


def test_more_images_than_are_kept_all_get_their_rows() -> None:
    assert len(CachedImages(Counting(), most=1).encode_images(IMAGES)) == 3


def test_no_images_have_the_encoders_shape() -> None:
    assert CachedImages(Counting()).encode_images([]).shape == (0, 3)


def test_texts_are_the_encoders() -> None:
    assert CachedEncoder(Counting()).encode_texts(["a man"])[0] == pytest.approx(
        CornerEncoder().encode_texts(["a man"])[0]
    )
