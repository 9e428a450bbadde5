"""Photos shown to a captioner, some at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dbsweep.captioning.captioner import Captioner, no_memory
from dbsweep.concepts.photos import read_upright
from dbsweep.errors import InputError
from dbsweep.models.batches import in_batches


@dataclass(frozen=True, slots=True)
class Seen:
    """What a captioner says of a photo.

    Attributes:
        words: a sentence or tags; empty where it has nothing to say, or the photo cannot be read.
        fault: why it cannot be read; None where it can.
    """

    photo: Path
    words: tuple[str, ...]
    fault: str | None = None


def look_at(captioner: Captioner, photos: Sequence[Path], batch_size: int) -> Iterator[list[Seen]]:
    """What is said of photos, a list for each batch; of smaller ones where memory is short.

    Raises:
        ResourceError: there is no memory for one photo.
    """

    def describe(batch: Sequence[Path]) -> list[Seen]:
        images, faults = {}, {}
        for photo in batch:
            try:
                images[photo] = read_upright(photo)
            except InputError as error:
                faults[photo] = str(error)
        described = captioner.describe([*images.values()]) if images else []
        words = dict(zip(images, described, strict=True))
        return [Seen(photo, words.get(photo, ()), faults.get(photo)) for photo in batch]

    yield from in_batches(photos, describe, batch_size, lambda: no_memory("while it looked at one photo"))
