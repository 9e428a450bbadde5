"""Pictures in tiles that overlap, and putting what was made of them together without a seam."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Span = tuple[int, int]
"""From a pixel on, up to another."""


def cut(length: int, tile: int, overlap: int) -> list[Span]:
    """Spans of one side of a picture: as few as a tile's size asks for, all alike, no larger than they must be.

    Args:
        length: of the side, pixels.
        tile: the most that a span has, pixels; 0 for all in one.
        overlap: the least that neighbours share, pixels; less than a tile.
    """
    if tile == 0 or length <= tile:
        return [(0, length)]
    count = -(-(length - overlap) // (tile - overlap))
    side = -(-(length + (count - 1) * overlap) // count)
    starts = [min(index * (side - overlap), length - side) for index in range(count)]
    return [(start, start + side) for start in starts]


def join(pieces: Iterable[Pixels], spans: Sequence[Span], axis: int) -> Pixels:
    """What pieces make side by side: between neighbours one fades into the other.

    Near its cut edge a piece does not know what lies beyond it: the outer quarter of an overlap is the other's, and the
    fading is between the two quarters.

    Args:
        pieces: (h, w, 3), one for each span, in order; each is asked for when those before it have been laid down.
        spans: of the whole, in pixels of the pieces.
        axis: along which they lie; 0 for rows, 1 for columns.
    """
    whole: Pixels | None = None
    end = 0
    for piece, (start, stop) in zip(pieces, spans, strict=True):
        if len(spans) == 1:
            return piece
        lying = np.moveaxis(piece, axis, 0)
        if whole is None:
            whole = np.empty((spans[-1][1], *lying.shape[1:]), dtype=np.uint8)
        shared = max(0, end - start)
        before, new = whole[start : start + shared].astype(np.float32), lying[:shared].astype(np.float32)
        whole[start : start + shared] = np.rint(before + (new - before) * _rise(shared)[:, None, None])
        whole[start + shared : stop] = lying[shared:]
        end = stop
    assert whole is not None
    return np.ascontiguousarray(np.moveaxis(whole, 0, axis))


def _rise(count: int) -> npt.NDArray[np.float32]:
    """0 over the first quarter of an overlap's pixels, 1 over the last, a straight line between."""
    at = (np.arange(count, dtype=np.float32) + 0.5) / max(count, 1)
    rise: npt.NDArray[np.float32] = np.clip(2 * at - 0.5, 0.0, 1.0)
    return rise
