"""Which images each optimizer step trains, in batches of one size, and with which class image each is paired."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from dbsweep.training.randomness import Purpose, generator


@dataclass(frozen=True, slots=True)
class Order:
    """The order of all instance images in every epoch, decided by (seed, epoch).

    Every epoch is its own permutation of the images. Going through it, each image joins the open batch of its size;
    a batch's turn is that of its first image. Images of one size are thus simply cut into batches in the order of the
    permutation. What is left over at the end of an epoch makes batches that are not full, so no image is seen twice
    in an epoch.

    Attributes:
        sizes: of each image, any number that tells sizes apart.
        batch_size: images of a forward pass.
        accumulation: forward passes of an optimizer step; the last step of an epoch may have fewer.
    """

    seed: int
    sizes: tuple[int, ...]
    batch_size: int
    accumulation: int

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of one pass over the instance images."""
        return _steps_per_epoch(self)

    def step(self, step: int) -> tuple[int, tuple[tuple[int, ...], ...]]:
        """What the step that follows ``step`` finished ones trains.

        Returns:
            The epoch, 0-based, and the images' indices, batch by batch.
        """
        epoch, position = divmod(step, self.steps_per_epoch)
        start = position * self.accumulation
        return epoch, _batches(self, epoch)[start : start + self.accumulation]


@lru_cache(maxsize=2)
def _steps_per_epoch(order: Order) -> int:
    batches = sum(math.ceil(count / order.batch_size) for count in Counter(order.sizes).values())
    return math.ceil(batches / order.accumulation)


@lru_cache(maxsize=2)
def _batches(order: Order, epoch: int) -> tuple[tuple[int, ...], ...]:
    batches: list[list[int]] = []
    is_open: dict[int, list[int]] = {}
    for image in generator(order.seed, Purpose.ORDER, epoch).permutation(len(order.sizes)):
        size = order.sizes[image]
        if size not in is_open:
            is_open[size] = []
            batches.append(is_open[size])
        is_open[size].append(int(image))
        if len(is_open[size]) == order.batch_size:
            del is_open[size]
    return tuple(map(tuple, batches))


def partner(seed: int, epoch: int, image: int, class_images: int) -> int:
    """The class image, below ``class_images``, that an instance image is paired with in an epoch."""
    return int(generator(seed, Purpose.PARTNER, epoch, image).integers(class_images))
