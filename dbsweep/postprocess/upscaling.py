"""Making a picture larger with a model, tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from spandrel import ModelTiling

from dbsweep.errors import ResourceError
from dbsweep.models.device_memory import is_out_of_memory, release_memory
from dbsweep.postprocess.image_models import ImageModel
from dbsweep.postprocess.tiles import Span, cut, join

Pixels = npt.NDArray[np.uint8]
Size = tuple[int, int]
"""Width and height, pixels."""

SMALLEST_TILE: Final = 32
"""Pixels; a smaller one knows next to nothing of what is around it."""

_MOST_PASSES: Final = 3
"""A model makes a picture larger that often at most, as in A1111."""


class Upscaler:
    """A model with a size of tiles, which becomes smaller where memory is short, and stays so.

    Args:
        tile, overlap: pixels of the picture, as in `dbsweep.postprocess.tiles.cut`.
        note: told when tiles become smaller.
    """

    def __init__(self, model: ImageModel, *, tile: int, overlap: int, note: Callable[[str], None]) -> None:
        self._model = model
        # one that needs the whole picture cuts it by itself
        self._tile = 0 if model.tiling is ModelTiling.INTERNAL else tile
        self._overlap = overlap
        self._note = note

    @property
    def scale(self) -> int:
        """How many times as wide and high a picture becomes that goes through the model once."""
        return self._model.scale

    def count(self, size: Size, scale: float) -> int:
        """How many tiles a picture goes through the model in."""
        return sum(len(rows) * len(columns) for columns, rows in map(self._spans, self._passes(size, scale)))

    def enlarge(self, picture: Pixels, scale: float, tick: Callable[[], None] = lambda: None) -> Pixels:
        """The picture `scale` times as wide and high.

        Where the model's own factor is another one, it goes through the model until it is large enough, and is then
        resized by Lanczos.

        Args:
            picture: (h, w, 3) uint8 RGB.
            tick: called after each tile.

        Raises:
            ResourceError: there is no memory for the smallest tile.
        """
        height, width = picture.shape[:2]
        large = picture
        for _ in self._passes((width, height), scale):
            large = self._once(large, tick)
        wanted = scaled((width, height), scale)
        if large.shape[1::-1] == wanted:
            return large
        return np.asarray(Image.fromarray(large).resize(wanted, Image.Resampling.LANCZOS))

    def _passes(self, size: Size, scale: float) -> Iterator[Size]:
        """The size before each pass."""
        now, wanted = size, scaled(size, scale)
        for _ in range(1 if self.scale == 1 else _MOST_PASSES):
            yield now
            now = (now[0] * self.scale, now[1] * self.scale)
            if now[0] >= wanted[0] and now[1] >= wanted[1]:
                return

    def _spans(self, size: Size) -> tuple[list[Span], list[Span]]:
        """Columns and rows of tiles."""
        width, height = size
        return cut(width, self._tile, self._overlap), cut(height, self._tile, self._overlap)

    def _once(self, picture: Pixels, tick: Callable[[], None]) -> Pixels:
        while True:
            try:
                return self._in_tiles(picture, tick)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(max(picture.shape[:2]), error)
            release_memory()  # not in the clause above, where the error keeps the tensors of its frames

    def _halve(self, side: int, error: BaseException) -> None:
        before = min(self._tile or side, side)
        self._tile = before // 2
        if self._tile < SMALLEST_TILE or self._model.tiling is ModelTiling.INTERNAL:
            raise ResourceError(
                f"out of memory while enlarging {before} pixels at once; what helps: a smaller picture, or the CPU"
                " (CUDA_VISIBLE_DEVICES= before the command)"
            ) from error
        self._overlap = min(self._overlap, self._tile // 2)
        self._note(f"out of memory with tiles of {before} pixels; goes on with {self._tile}")

    def _in_tiles(self, picture: Pixels, tick: Callable[[], None]) -> Pixels:
        columns, rows = self._spans((picture.shape[1], picture.shape[0]))

        def strip(row: Span) -> Iterator[Pixels]:
            for left, right in columns:
                large = run(self._model, picture[row[0] : row[1], left:right])
                tick()
                yield large

        wide, high = self._large(columns), self._large(rows)
        return join((join(strip(row), wide, axis=1) for row in rows), high, axis=0)

    def _large(self, spans: list[Span]) -> list[Span]:
        return [(start * self.scale, stop * self.scale) for start, stop in spans]


def scaled(size: Size, scale: float) -> Size:
    """Width and height of what becomes of a picture."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def run(model: ImageModel, picture: Pixels) -> Pixels:
    """What a model makes of (h, w, 3) uint8 RGB."""
    levels = torch.tensor(picture, device=model.device)
    made = model(levels.permute(2, 0, 1)[None].to(model.dtype) / 255)[0]
    pixels: Pixels = (made.float() * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return pixels
