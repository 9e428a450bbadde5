"""Tiles cover a picture, alike and as few as can be; joined they have no seam."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsweep.postprocess.tiles import cut, join


@pytest.mark.parametrize(
    ("length", "tile", "overlap", "spans"),
    [
        (512, 0, 32, [(0, 512)]),  # 0: all in one
        (320, 320, 32, [(0, 320)]),
        (512, 320, 32, [(0, 272), (240, 512)]),  # two that share 32 need no more than 272
        (768, 320, 32, [(0, 278), (246, 524), (490, 768)]),  # (768 + 2 * 32) / 3, rounded up
        (10, 4, 0, [(0, 4), (4, 8), (6, 10)]),
    ],
)
def test_spans_are_as_few_and_as_small_as_can_be(length, tile, overlap, spans) -> None:
    assert cut(length, tile, overlap) == spans


@given(st.integers(1, 3000), st.integers(32, 400), st.data())
def test_spans_cover_the_side_and_share_what_they_should(length: int, tile: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, tile // 2))
    spans = cut(length, tile, overlap)
    assert (spans[0][0], spans[-1][1]) == (0, length)
    assert {stop - start for start, stop in spans} == {spans[0][1]}
    assert spans[0][1] <= tile
    for (left, end), (start, right) in pairwise(spans):
        assert left < start <= end - overlap
        assert end < right


@given(st.integers(1, 300), st.integers(32, 100), st.integers(0, 16), st.sampled_from([0, 1]))
def test_what_was_only_cut_is_joined_bit_for_bit(length: int, tile: int, overlap: int, axis: int) -> None:
    picture = np.random.default_rng(length).integers(0, 256, (length, 5, 3), dtype=np.uint8)
    picture = np.moveaxis(picture, 0, axis)
    spans = cut(length, tile, overlap)
    pieces = [np.take(picture, range(start, stop), axis) for start, stop in spans]
    assert np.array_equal(join(pieces, spans, axis), picture)


def test_from_one_piece_to_the_next_levels_climb_between_the_outer_quarters_of_the_overlap() -> None:
    dark, light = np.zeros((1, 24, 3), dtype=np.uint8), np.full((1, 24, 3), 160, dtype=np.uint8)
    row = join([dark, light], [(0, 24), (8, 32)], axis=1)[0, :, 0]
    assert row[: 8 + 4].tolist() == [0] * 12
    assert row[12:20].tolist() == [10, 30, 50, 70, 90, 110, 130, 150]
    assert row[20:].tolist() == [160] * 12
