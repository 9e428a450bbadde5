"""What photos of one subject have in common besides it, measured: a training would learn that with the subject."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from dbsweep.concepts.face import FindFaces
from dbsweep.concepts.photos import opened, read_upright
from dbsweep.config.messages import counted, first_of

Floats: TypeAlias = npt.NDArray[np.float64]

SIDE = 32
"""Pixels along a side at which a photo's colours are looked at, whatever its shape."""
THUMBNAIL = 16
"""The same, at which photos are compared with each other."""

DOUBLE = 0.9
"""Correlation of two photos' grey pixels from which on they are nearly the same: of a photo and itself moved by 1%
of its side it is 0.87 to 0.98 (seven pictures, by hand),
of two of the photos of `experiments/data/ohwx_man` 0.85 at most."""
ALIKE = 10.0
"""CIE76 difference of colours up to which they are alike; 2.3 is one that is just seen."""
LIGHT_SPREAD = 10.0
"""Steps of lightness, of 100, below which all photos are equally bright."""
FACE_SPREAD = 1.3
"""The largest face over the smallest, below which all are taken from one distance."""
STRAIGHT = 0.12
"""`Face.turn` up to which a face is seen from the front: about 15 degrees, where a nose stands out by 0.45 of the eyes'
distance and so moves by 0.45 tan(angle)."""

FEW = 3
"""Photos of a group that is told, at least; and they are a third of all."""
ENOUGH = 4
"""Photos from which on something may be said of all of them."""
_NAMED = 12


@dataclass(frozen=True)
class Look:
    """What is measured of one photo.

    Attributes:
        name: of its file.
        thumbnail: (16, 16) grey, 0 to 255.
        lightness: its mean, CIE L*, 0 to 100.
        edges: (3, 3), mean L*, a*, b* of an eighth of its width at the left, of its height above, and at the right.
        below: (3,), the same of the middle of its lowest quarter, where a person's clothes are.
        day: on which it was taken, by its EXIF.
        face: height of its largest face as a share of its own; None without a detector or a face.
        turn: how far that is turned (`Face.turn` of `dbsweep.concepts.face`).
    """

    name: str
    thumbnail: Floats
    lightness: float
    edges: Floats
    below: Floats
    day: str | None = None
    face: float | None = None
    turn: float | None = None


def look_at(path: Path, find_faces: FindFaces | None = None) -> Look:
    """Measures a photo.

    Raises:
        InputError: it cannot be read.
    """
    photo = read_upright(path)
    colours = lab(np.asarray(photo.resize((SIDE, SIDE), Image.Resampling.BOX)))
    eighth, quarter = SIDE // 8, SIDE // 4
    upper = colours[: SIDE - quarter]
    bands = (upper[:, :eighth], colours[:eighth], upper[:, -eighth:])
    largest = next(iter(find_faces(np.asarray(photo))), None) if find_faces is not None else None
    grey = photo.convert("L").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return Look(
        path.name,
        thumbnail=np.asarray(grey, dtype=np.float64),
        lightness=float(colours[..., 0].mean()),
        edges=np.stack([band.reshape(-1, 3).mean(axis=0) for band in bands]),
        below=colours[-quarter:, quarter:-quarter].reshape(-1, 3).mean(axis=0),
        day=_day(path),
        face=None if largest is None else largest.height / photo.height,
        turn=None if largest is None else largest.turn,
    )


def _day(path: Path) -> str | None:
    """``2024-05-03``; None where the file does not tell."""
    with opened(path) as image:
        taken = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
    found = re.match(r"(\d{4}):(\d\d):(\d\d)", str(taken))
    return "-".join(found.groups()) if found is not None and int(found[1]) else None


def lab(pixels: npt.NDArray[np.uint8]) -> Floats:
    """CIE L*a*b* under D65 of sRGB pixels (IEC 61966-2-1), (..., 3): L* 0 to 100."""
    values = pixels.astype(np.float64) / 255.0
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _XYZ.T / _XYZ.sum(axis=1)
    roots = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(roots, -1, 0)
    return np.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)


_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def variety(looks: Sequence[Look]) -> Iterator[str]:
    """What is to be said of all photos of a subject; nothing where they differ in all that is measured."""
    yield from _doubles(looks)
    edges = np.stack([look.edges for look in looks])
    yield from _alike(
        looks,
        edges,
        "at their edges (left, above, right)",
        "the background is learned with the subject; take others elsewhere, or mask it (train.background_weight)",
    )
    yield from _alike(
        looks,
        np.stack([look.below[None] for look in looks]),
        "in the middle of their lowest quarter",
        "if these are clothes, they are learned with the subject; take others in other ones",
    )
    yield from _one_light(looks)
    yield from _one_day(looks)
    yield from _faces(looks)


def _doubles(looks: Sequence[Look]) -> Iterator[str]:
    """Pairs and groups of nearly the same pictures, mirrored ones too."""
    unit = np.stack([_standardised(look.thumbnail) for look in looks])
    mirrored = np.stack([_standardised(look.thumbnail[:, ::-1]) for look in looks])
    for first, others in _groups(lambda index: np.maximum(unit @ unit[index], mirrored @ unit[index]) >= DOUBLE, looks):
        plain, turned = unit[others] @ unit[first], mirrored[others] @ unit[first]
        figure = f"{np.maximum(plain, turned).min():.2f}"
        how = ", seen in a mirror," if (turned > plain).all() else ""
        yield (
            f"{_names(looks, others)} and {looks[first].name}{how} are much the same at {THUMBNAIL}×{THUMBNAIL} grey"
            f" pixels (correlation {figure}{'' if len(others) == 1 else ' or more with the last'}): if they are of one"
            " moment, it weighs more than the others; keep one"
        )


def _alike(looks: Sequence[Look], colours: Floats, where: str, fix: str) -> Iterator[str]:
    """Photos whose colours somewhere are about those of one of them.

    Args:
        colours: (n, places, 3), CIE Lab.
    """

    def distances(index: int) -> Floats:
        return np.asarray(np.linalg.norm(colours - colours[index], axis=2).max(axis=1))

    for first, others in _groups(lambda index: distances(index) <= ALIKE, looks):
        if _many(len(others) + 1, len(looks)):
            yield (
                f"{len(others) + 1} of {counted(len(looks), 'photo')} have about the same colours {where}: within"
                f" {distances(first)[others].max():.1f} of {looks[first].name} (ΔE, of which 2.3 is just seen) are"
                f" {_names(looks, others)}; {fix}"
            )


def _one_light(looks: Sequence[Look]) -> Iterator[str]:
    dark, bright = (pick(looks, key=lambda look: look.lightness) for pick in (min, max))
    if len(looks) >= ENOUGH and bright.lightness - dark.lightness < LIGHT_SPREAD:
        yield (
            f"all {len(looks)} photos are about equally bright: lightness {dark.lightness:.0f} ({dark.name}) to"
            f" {bright.lightness:.0f} ({bright.name}) of 100; take some in other light"
        )


def _one_day(looks: Sequence[Look]) -> Iterator[str]:
    days: dict[str, list[int]] = {}
    for index, look in enumerate(looks):
        if look.day is not None:
            days.setdefault(look.day, []).append(index)
    for day, taken in days.items():
        if _many(len(taken), len(looks)):
            yield (
                f"{len(taken)} of {counted(len(looks), 'photo')} were taken on {day} by their EXIF"
                f" ({_names(looks, taken)}): what the subject looked like that day is learned with it; take some of"
                " other days"
            )


def _faces(looks: Sequence[Look]) -> Iterator[str]:
    """Of photos in which a face is found: whether it is always as large, and always seen from the front."""
    found = [
        (look.name, look.face, abs(look.turn)) for look in looks if look.face is not None and look.turn is not None
    ]
    if len(found) < ENOUGH:
        return
    small, large = (pick(found, key=lambda each: each[1]) for pick in (min, max))
    if large[1] < FACE_SPREAD * small[1]:
        yield (
            f"in all {len(found)} photos with a face it is about as large: {small[1]:.0%} of the height ({small[0]}) to"
            f" {large[1]:.0%} ({large[0]}); take some from nearer or farther away"
        )
    name, _, turn = max(found, key=lambda each: each[2])
    if turn <= STRAIGHT:
        yield (
            f"in all {len(found)} photos with a face it is seen from the front: the nose is at most {turn:.2f} of the"
            f" eyes' distance beside their middle ({name}); take some from the sides"
        )


def _many(count: int, photos: int) -> bool:
    return count >= max(FEW, photos / 3)


def _groups(alike: Callable[[int], npt.NDArray[np.bool_]], looks: Sequence[Look]) -> Iterator[tuple[int, list[int]]]:
    """A photo and those that are like it, the largest group first; each photo is in one of them."""
    like = np.stack([alike(index) for index in range(len(looks))])
    np.fill_diagonal(like, False)
    while like.any():
        first = int(like.sum(axis=1).argmax())
        others = np.flatnonzero(like[first]).tolist()
        yield first, others
        like[[first, *others]] = like[:, [first, *others]] = False


def _names(looks: Sequence[Look], indices: Sequence[int]) -> str:
    return first_of([looks[index].name for index in indices], _NAMED)


def _standardised(picture: Floats) -> Floats:
    """Its pixels in a row, with a mean of 0 and a length of 1, so that products are Pearson's correlations."""
    centred = (picture - picture.mean()).ravel()
    length = float(np.linalg.norm(centred))
    return np.asarray(centred / length if length > 0 else centred)
