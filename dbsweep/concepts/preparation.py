"""How photos are to be prepared: which windows of each become pictures of their own, and how these are called."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from dbsweep.concepts.focus import FocusWeights
from dbsweep.concepts.mask_files import mask_file
from dbsweep.concepts.photos import photo_size
from dbsweep.concepts.windows import CENTRE, Box, left_off, smaller_size, split_places
from dbsweep.errors import InputError
from dbsweep.models.hashes import file_sha256
from dbsweep.plan.buckets import Size

FLIPPED = "-flipped"
"""The end of a mirrored copy's name."""


class Crop(StrEnum):
    """What is done with the shape of photos that are neither split nor have a box."""

    CENTRE = "centre"
    FOCAL = "focal"
    NONE = "none"


@dataclass(frozen=True)
class Preparation:
    """What a person asks for.

    Attributes:
        size: of the pictures, pixels; with `Crop.NONE` what they cover at least.
        crop: of photos of another shape.
        flip: a mirrored copy of each picture.
        split: long photos become several pictures; `threshold` and `overlap` as in
            `dbsweep.concepts.windows.split_places`.
        boxes: windows set by hand, by the names of photos.
        focus: weights of what a focal point is found by.
        detector: SHA-256 of the network by which faces are found; empty without one.
    """

    size: Size = (512, 512)
    crop: Crop = Crop.CENTRE
    flip: bool = False
    split: bool = False
    threshold: float = 0.5
    overlap: float = 0.2
    boxes: Mapping[str, Box] = field(default_factory=dict)
    focus: FocusWeights = field(default_factory=FocusWeights)
    detector: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """One picture to be made.

    Attributes:
        name: of its file.
        place: of its window (`dbsweep.concepts.photos.read_photo`); None where the photo has to be looked at.
        flipped: it is mirrored.
    """

    name: str
    place: float | None
    flipped: bool


@dataclass(frozen=True)
class Job:
    """What becomes of one photo.

    Attributes:
        photo: its file.
        shape: its width and height, upright.
        asked: what was asked of all.
        box: set by hand.
        places: where its windows lie; None stands for one around its focal point.
    """

    photo: Path
    shape: Size
    asked: Preparation
    box: Box | None
    places: tuple[float | None, ...]

    @classmethod
    def of(cls, photo: Path, asked: Preparation) -> Job:
        """What is to be done with a photo, by the size of its picture alone.

        Raises:
            InputError: it cannot be read, or its box does not lie in it.
        """
        shape, box = photo_size(photo), asked.boxes.get(photo.name)
        if box is not None:
            _refuse_outside(photo, shape, box)
            return cls(photo, shape, asked, box, (CENTRE,))
        places = split_places(shape, asked.size, asked.threshold, asked.overlap) if asked.split else ()
        focal = asked.crop is Crop.FOCAL and left_off(shape, asked.size) > 0
        return cls(photo, shape, asked, None, places or ((None,) if focal else (CENTRE,)))

    @property
    def whole(self) -> bool:
        """Whether nothing is cropped."""
        return self.asked.crop is Crop.NONE and self.box is None and len(self.places) == 1

    @property
    def window(self) -> Size:
        """The size of what windows are cut from."""
        return self.shape if self.box is None else (self.box[2] - self.box[0], self.box[3] - self.box[1])

    @property
    def size(self) -> Size:
        """The size of its pictures."""
        return smaller_size(self.shape, self.asked.size) if self.whole else self.asked.size

    @property
    def left_off(self) -> float:
        """The share of the photo that no picture shows."""
        if self.whole or len(self.places) > 1:
            return 0.0
        within = self.window[0] * self.window[1] / (self.shape[0] * self.shape[1])
        return 1.0 - within * (1.0 - left_off(self.window, self.size))

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Its pictures in order, a mirrored one after each where that is asked for."""
        stem, count = self.photo.stem, len(self.places)
        numbers = [""] if count == 1 else [f"-{number:0{len(str(count))}}" for number in range(1, count + 1)]
        return tuple(
            Piece(f"{stem}{number}{FLIPPED if flipped else ''}.png", place, flipped)
            for number, place in zip(numbers, self.places, strict=True)
            for flipped in ((False, True) if self.asked.flip else (False,))
        )

    @cached_property
    def key(self) -> str:
        """Names the photo's content and all that decides how its pictures look; OSError if it cannot be read."""
        mask = mask_file(self.photo)
        parts = (
            *("photos 1", file_sha256(self.photo), file_sha256(mask) if mask.is_file() else "", self.size, self.box),
            *(self.places, (self.asked.focus, self.asked.detector) if None in self.places else None),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def refuse_same_names(jobs: Sequence[Job]) -> None:
    """InputError if two photos would become pictures of one name, on a disk that does not tell cases apart either."""
    first: dict[str, Job] = {}
    for job in jobs:
        for piece in job.pieces:
            other = first.setdefault(piece.name.casefold(), job)
            if other is not job:
                raise InputError(
                    f"{other.photo.name} and {job.photo.name} would both become {piece.name}: rename one of them"
                )


def _refuse_outside(photo: Path, shape: Size, box: Box) -> None:
    left, top, right, bottom = box
    if not (0 <= left < right <= shape[0] and 0 <= top < bottom <= shape[1]):
        raise InputError(
            f"--box {photo.name}: {left},{top} to {right},{bottom} does not lie in the photo, which has"
            f" {shape[0]}×{shape[1]} pixels, upright: give another"
        )
