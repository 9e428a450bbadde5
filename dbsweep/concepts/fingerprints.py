"""Fingerprints of photos, masks, own class images and captions: whether they are still those that a run began with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from dbsweep.concepts.caption_files import caption_file
from dbsweep.concepts.class_images import own_class_images
from dbsweep.concepts.mask_files import mask_file
from dbsweep.concepts.photo_sets import own_validation_photos, training_photos
from dbsweep.concepts.photos import list_photos
from dbsweep.config.concept import Concept
from dbsweep.config.schema import Experiment
from dbsweep.models.hashes import file_sha256

_NAMED = 3


def fingerprints(experiment: Experiment) -> dict[str, str]:
    """SHA-256 of each file that trains or measures, by a name that is the same wherever the folders lie.

    Raises:
        InputError: a folder is missing or holds no photo.
    """
    found: dict[str, str] = {}
    for index, concept in enumerate(experiment.concepts):
        for use, file in _files(concept, masks=experiment.reads_masks):
            found[f"concepts[{index}].{use}/{file.name}"] = _sha256(file)
    return found


def _sha256(file: Path) -> str:
    stat = file.stat()
    return _sha256_of(file, stat.st_size, stat.st_ctime_ns)


@cache
def _sha256_of(file: Path, size: int, ctime_ns: int) -> str:
    """A process reads a file again only when size or time tell that it may have changed."""
    del size, ctime_ns
    return file_sha256(file)


def _files(concept: Concept, *, masks: bool) -> Iterator[tuple[str, Path]]:
    """Each file and the setting whose folder holds it; captions where a prompt asks for them, masks if they count."""
    folders = {
        "instance_images": list_photos(concept.instance_images),
        "validation_images": own_validation_photos(concept),
        "class_images.folder": own_class_images(concept),
    }
    for use, images in folders.items():
        yield from ((use, image) for image in images)
        captions = dict.fromkeys(map(caption_file, images)) if concept.reads_captions else {}
        yield from ((use, caption) for caption in captions if caption is not None and caption.is_file())
    beside = map(mask_file, training_photos(concept)) if masks else ()
    yield from (("instance_images", mask) for mask in beside if mask.is_file())


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """Which files came, went or have other content, in words; None where all are as they were."""
    kinds = {
        "new": [name for name in now if name not in before],
        "gone": [name for name in before if name not in now],
        "changed": [name for name, digest in now.items() if before.get(name, digest) != digest],
    }
    told = [f"{kind}: {_some(names)}" for kind, names in kinds.items() if names]
    return "; ".join(told) or None


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
