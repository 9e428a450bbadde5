"""How many photos and own class images an experiment has, and how large its photos are."""

from __future__ import annotations

from typing import TYPE_CHECKING

# Rooms that load torch are imported where they are used, so that planning starts at once.
if TYPE_CHECKING:
    from dbsweep.config.schema import Experiment
    from dbsweep.plan.buckets import Size


def count_photos(experiment: Experiment) -> tuple[int, ...]:
    """The number of photos of each concept that train; InputError if there are none."""
    from dbsweep.concepts.photo_sets import training_photos

    return tuple(len(training_photos(concept)) for concept in experiment.concepts)


def count_class_images(experiment: Experiment) -> tuple[int, ...]:
    """The number of the user's own class images of each concept; InputError if their folder has none."""
    from dbsweep.concepts.class_images import own_class_images

    return tuple(len(own_class_images(concept)) for concept in experiment.concepts)


def photo_sizes(experiment: Experiment) -> tuple[tuple[Size, ...], ...] | None:
    """Width and height of each concept's photos that train; None where all are cut to squares."""
    if not experiment.train.aspect_ratio_buckets and "aspect_ratio_buckets" not in experiment.search.axes:
        return None
    from dbsweep.concepts.photo_sets import training_photos
    from dbsweep.concepts.photos import photo_size

    return tuple(tuple(map(photo_size, training_photos(concept))) for concept in experiment.concepts)
