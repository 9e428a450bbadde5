"""Which photos of a concept train, and which are held out of training to measure it by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import permutations
from pathlib import Path

from dbsweep.concepts.photos import folders_with_photos, list_photos, photo_size
from dbsweep.config.concept import Concept
from dbsweep.config.messages import counted, first_of
from dbsweep.errors import InputError
from dbsweep.plan.buckets import Size


def training_photos(concept: Concept) -> tuple[Path, ...]:
    """The photos that train, sorted by name.

    Raises:
        InputError: the folder has none, or all of them are held out.
    """
    photos = list_photos(concept.instance_images)
    held_out = _taken_out(concept, photos)
    return tuple(photo for photo in photos if photo not in held_out)


def held_out_photos(concept: Concept) -> tuple[Path, ...]:
    """The photos that never train: those taken out of `instance_images`, then the folder of their own.

    Raises:
        InputError: a folder has none, or all photos of `instance_images` are held out.
    """
    return (*_taken_out(concept, list_photos(concept.instance_images)), *own_validation_photos(concept))


def own_validation_photos(concept: Concept) -> tuple[Path, ...]:
    """Those of the concept's `validation_images`; InputError for a folder without any."""
    return () if concept.validation_images is None else list_photos(concept.validation_images)


def _taken_out(concept: Concept, photos: tuple[Path, ...]) -> tuple[Path, ...]:
    """Spread evenly over the names, so that of a series of shots of one scene hardly more than one is taken."""
    count = concept.validation_photos
    if count >= len(photos):
        raise InputError(
            f"validation_photos holds out {count} of {counted(len(photos), 'photo')} in {concept.instance_images}: "
            "nothing would be left to train; lower it"
        )
    return tuple(photos[(2 * place + 1) * len(photos) // (2 * count)] for place in range(count))


def held_out_sentence(concept: Concept) -> str | None:
    """What of a concept is held out, for the plan; None where nothing is."""
    held_out = held_out_photos(concept)
    if not held_out:
        return None
    training = len(training_photos(concept))
    own = own_validation_photos(concept)
    folders = [held_out[: len(held_out) - len(own)], own]  # names may be the same in both
    names = " and of validation_images ".join(", ".join(p.name for p in photos) for photos in folders if photos)
    train, are = "trains" if training == 1 else "train", "is" if len(held_out) == 1 else "are"
    return (
        f"{concept.instance_token}: {counted(training, 'photo')} {train}, {len(held_out)} {are} held out to measure"
        f" validation_loss and memorisation by ({names})"
    )


def unset_repeats(concept: Concept) -> str | None:
    """That a folder is named as kohya's scripts want it, by which they repeat its photos, for the plan; or None."""
    name = concept.instance_images.name
    repeats = re.match(r"0*([1-9]\d{0,2})_", name)
    if repeats is None or int(repeats[1]) == 1 or concept.repeats > 1:
        return None
    times = repeats[1]
    return (
        f"{concept.instance_token}: kohya's scripts train a folder that is called {name!r} {times} times an epoch, and"
        f" here it is trained once: set repeats: {times}, or {times} times the epochs, if you mean the same"
    )


def known_sizes(concept: Concept) -> dict[str, Size]:
    """The upright sizes of the photos that train, by name; those that cannot be read are told of before a run."""
    found = {}
    for photo in training_photos(concept):
        with suppress(InputError):
            found[photo.name] = photo_size(photo)
    return found


def shared_folders(concepts: Sequence[Concept]) -> Iterator[str]:
    """Which concepts are taught by the photos of an earlier one, for the plan."""
    first: dict[Path, Concept] = {}
    for concept in concepts:
        earlier = first.setdefault(concept.instance_images.resolve(), concept)
        if earlier is not concept:
            yield (
                f"{concept.instance_token} and {earlier.instance_token} have the same photos, in"
                f" {concept.instance_images}: both words will mean what is on them; if that is not what you want, give"
                " each its own instance_images"
            )


def trained_elsewhere(concepts: Sequence[Concept]) -> Iterator[str]:
    """Which photos that a concept holds out train in another, for the plan."""
    for concept, other in permutations(concepts, 2):
        trained = {photo.resolve() for photo in training_photos(other)}
        names = [photo.name for photo in held_out_photos(concept) if photo.resolve() in trained]
        if names:
            yield (
                f"{counted(len(names), 'photo')} that {concept.instance_token} holds out"
                f" {'is' if len(names) == 1 else 'are'} trained as {other.instance_token} ({first_of(names)}): what"
                f" they measure of {concept.instance_token} is no longer of photos that the model has not seen"
            )


def unread_folders(concepts: Sequence[Concept]) -> Iterator[str]:
    """Folders in those of the concepts, with photos that nobody reads, for the plan; some trainers would read them."""
    given = dict.fromkeys(folder for concept in concepts for folder in _folders(concept))
    named = {folder.resolve() for folder in given}
    for folder in given:
        below = [path.name for path in folders_with_photos(folder) if path.resolve() not in named]
        if below:
            yield (
                f"photos in the folders below {folder} are not read ({first_of(below)}): move those"
                " into it that should be"
            )


def _folders(concept: Concept) -> Iterator[Path]:
    folders = (concept.instance_images, concept.validation_images, concept.class_images.folder)
    yield from (folder for folder in folders if folder is not None)
