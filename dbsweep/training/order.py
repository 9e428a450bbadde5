"""Which images each optimizer step trains, and with which class image each is paired."""

from __future__ import annotations

import math

from dbsweep.training.randomness import Purpose, generator


def steps_per_epoch(images: int, images_per_step: int) -> int:
    """Optimizer steps of one pass over the instance images."""
    return math.ceil(images / images_per_step)


def images_of_step(seed: int, step: int, images: int, images_per_step: int) -> tuple[int, tuple[int, ...]]:
    """The instance images of the step that follows ``step`` finished ones.

    Every epoch is its own permutation of all instance images, decided by (seed, epoch); its last step has what is
    left over, so no image is seen twice in an epoch.

    Returns:
        The epoch, 0-based, and the images' indices.
    """
    epoch, position = divmod(step, steps_per_epoch(images, images_per_step))
    order = generator(seed, Purpose.ORDER, epoch).permutation(images)
    start = position * images_per_step
    return epoch, tuple(int(image) for image in order[start : start + images_per_step])


def partner(seed: int, epoch: int, image: int, class_images: int) -> int:
    """The class image, below ``class_images``, that an instance image is paired with in an epoch."""
    return int(generator(seed, Purpose.PARTNER, epoch, image).integers(class_images))
