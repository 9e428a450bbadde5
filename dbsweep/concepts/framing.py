"""How photos are cut to the sizes that train: squares or buckets, one window or several, mirrored too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dbsweep.concepts.photos import photo_size
from dbsweep.config.schema import Train
from dbsweep.plan.buckets import Size, bucket_of
from dbsweep.records.record import Record


class Framing(Record):
    """What of `train` decides the pixels of the photos.

    Attributes:
        resolution: side of the squares, or of the square that has as many pixels as the buckets.
        buckets: each photo is cut to the bucket nearest to its shape, and not to a square.
        crops: windows of each photo; 0 for the centre alone.
        mirrored: photos are seen in a mirror too.
    """

    resolution: int
    buckets: bool = False
    crops: int = 0
    mirrored: bool = False

    @classmethod
    def of(cls, train: Train) -> Framing:
        """The framing that a trial asks for."""
        return cls(
            resolution=train.resolution,
            buckets=train.aspect_ratio_buckets,
            crops=train.random_crops,
            mirrored=train.random_flip,
        )

    def by_size(self, photos: Sequence[Path]) -> dict[Size, tuple[Path, ...]]:
        """The photos that are cut to each size, in their order.

        Raises:
            InputError: a photo cannot be read.
        """
        square = (self.resolution, self.resolution)
        found: dict[Size, tuple[Path, ...]] = {}
        for photo in photos:
            size = self.cut(photo_size(photo)) if self.buckets else square
            found[size] = (*found.get(size, ()), photo)
        return dict(sorted(found.items()))

    def cut(self, photo: Size) -> Size:
        """The size to which a photo of a size is cut."""
        return bucket_of(photo, self.resolution) if self.buckets else (self.resolution, self.resolution)

    @property
    def places(self) -> tuple[float, ...]:
        """Where the windows lie (see `read_photo`): evenly from one end of what is left off to the other."""
        if self.crops <= 1:
            return (0.5,)
        return tuple(index / (self.crops - 1) for index in range(self.crops))
