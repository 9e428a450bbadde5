"""The photos of one concept, as far as a plan needs to know them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dbsweep.config.schema import Experiment, Train
from dbsweep.plan.buckets import Size, bucket_of


@dataclass(frozen=True, slots=True)
class Photos:
    """The photos of one concept that train.

    Attributes:
        count: how many.
        repeats: times that each is trained in an epoch.
        sizes: of each, upright; None where nobody has looked, because all are cut to squares.
        class_images: the user's own, which need not be drawn.
        has_class_images: False for a concept that trains without, whatever the others do.
    """

    count: int
    repeats: int = 1
    sizes: tuple[Size, ...] | None = None
    class_images: int = 0
    has_class_images: bool = True

    def per_photo(self, train: Train) -> int:
        """The class images for each photo that a trial trains on."""
        return train.class_images_per_instance if train.prior_loss_weight > 0 and self.has_class_images else 0

    def by_size(self, train: Train) -> dict[Size, int]:
        """How many are cut to which size."""
        if not train.aspect_ratio_buckets:
            return {(train.resolution, train.resolution): self.count}
        if self.sizes is None:
            raise ValueError("aspect_ratio_buckets needs the sizes of the photos")
        return dict(Counter(bucket_of(size, train.resolution) for size in self.sizes))


def photos_of(
    experiment: Experiment,
    counts: Sequence[int],
    sizes: Sequence[Sequence[Size]] | None = None,
    class_images: Sequence[int] | None = None,
) -> tuple[Photos, ...]:
    """The photos of each concept, in the experiment's order."""
    if len(counts) != len(experiment.concepts) or min(counts) < 1:
        raise ValueError(f"{len(experiment.concepts)} concepts need as many photo counts above 0, got {counts}")
    seen = [None] * len(counts) if sizes is None else [tuple(each) for each in sizes]
    given = [0] * len(counts) if class_images is None else class_images
    return tuple(
        Photos(count, concept.repeats, own, there, concept.class_images.enabled)
        for count, concept, own, there in zip(counts, experiment.concepts, seen, given, strict=True)
    )


def class_images_used(photos: Photos, train: Train) -> int:
    """The class images of a concept that a trial trains on; photos of several sizes use the same of the user's own."""
    return photos.per_photo(train) * max(photos.by_size(train).values())


def uses_per_epoch(photos: Sequence[Photos]) -> int:
    """Instance images in an epoch."""
    return sum(each.count * each.repeats for each in photos)


def uses_by_size(photos: Sequence[Photos], train: Train) -> Counter[Size]:
    """Instance images in an epoch by the size to which they are cut."""
    uses: Counter[Size] = Counter()
    for each in photos:
        uses.update({size: count * each.repeats for size, count in each.by_size(train).items()})
    return uses


def steps_per_epoch(photos: Sequence[Photos], train: Train) -> int:
    """Optimizer steps of one pass over all instance images.

    A batch has images of one size, so each size may leave one that is not full; a step takes `gradient_accumulation`
    batches, and the last one of an epoch may have fewer.
    """
    batches = sum(math.ceil(count / train.batch_size) for count in uses_by_size(photos, train).values())
    return math.ceil(batches / train.gradient_accumulation)
