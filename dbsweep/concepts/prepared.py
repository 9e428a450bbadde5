"""Pictures made of photos for training: cut as training would cut them, with masks and captions beside them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, PngImagePlugin

from dbsweep.concepts.caption_files import find_text
from dbsweep.concepts.face import FindFaces
from dbsweep.concepts.files import write_whole
from dbsweep.concepts.focus import focal_place
from dbsweep.concepts.mask_files import mask_file
from dbsweep.concepts.masks import cut_mask, read_mask, transparency
from dbsweep.concepts.photos import cut_photo, opened, read_upright, shows_nothing
from dbsweep.concepts.preparation import Job, Piece
from dbsweep.concepts.windows import CENTRE, enlargement
from dbsweep.config.messages import counted, first_of
from dbsweep.errors import InputError
from dbsweep.models.places import refusing

KEY = "dbsweep photos"
"""The text of a PNG that tells what it was made of (`Job.key`)."""

_SHOWS = 1.005
"""Enlargement that is told."""

_SIDES = re.compile(r"\b(left|right)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Prepared:
    """What has become of one photo.

    Attributes:
        job: what was to be done.
        new, there: files that were made, and that were there already.
        empty: pictures that were not made, because they would show nothing, or nothing of what a mask leaves.
        around: what a window lies around whose place was looked for; None without one.
        mask: what tells its subject: ``mask``, ``transparency``, or None.
        captioned: it has a caption.
        other_captions: caption files that were there and say something else.
        sided: its caption says left or right.
    """

    job: Job
    new: tuple[str, ...]
    there: tuple[str, ...]
    empty: tuple[str, ...] = ()
    around: str | None = None
    mask: str | None = None
    captioned: bool = False
    other_captions: tuple[str, ...] = ()
    sided: bool = False

    @property
    def enlargement(self) -> float:
        """By how much its pictures are larger than what they show; below 1 they are smaller."""
        return enlargement(self.job.window, self.job.size)

    @property
    def line(self) -> str:
        """What was done, for a person."""
        job = self.job
        head = f"{job.photo.name} ({job.shape[0]}×{job.shape[1]})"
        if not self.new and not self.empty:
            return f"{head}: there already → {_files(self.there)}"
        what = [self._what, *([f"{job.left_off:.0%} left off"] if job.left_off >= 0.005 else []), *self._scaled]
        what += [self.mask] if self.mask is not None else []
        what += ["caption"] if self.captioned else []
        if self.empty:
            why = "one colour" if self.mask is None else f"what the {self.mask} takes away"
            what.append(f"{first_of(self.empty)} left out, where there is only {why}")
        made = [piece.name for piece in job.pieces if piece.name not in self.empty]
        return f"{head}: {', '.join(what)}{f' → {_files(made)}' if made else ''}"

    @property
    def _what(self) -> str:
        if self.job.box is not None:
            return "the box"
        if len(self.job.places) > 1:
            return f"split into {len(self.job.places)}"
        if self.job.left_off == 0:
            return "whole"
        return "the middle" if self.around is None else f"around {self.around}"

    @property
    def _scaled(self) -> list[str]:
        factor = self.enlargement
        if factor > _SHOWS:
            return [f"enlarged {factor:.2f} times"]
        return [f"{1 / factor:.1f} times smaller"] if factor < 0.95 else []


def _files(names: Sequence[str]) -> str:
    """All names, or of more than four the first and the last."""
    return ", ".join(names) if len(names) <= 4 else f"{names[0]} … {names[-1]} ({len(names)})"


def prepare(job: Job, folder: Path, find_faces: FindFaces | None = None) -> Prepared:
    """Writes the pictures of a photo that are not there yet, and captions that are not; each file whole or not at all.

    Raises:
        InputError: the photo, its mask or its caption cannot be read.
        RunError, DiskError: a picture or caption cannot be written.
    """
    text = find_text(job.photo)
    missing = [piece for piece in job.pieces if made_of(folder / piece.name) != job.key]
    names = {piece.name for piece in missing}
    there = tuple(piece.name for piece in job.pieces if piece.name not in names)
    maker = _Maker(job, find_faces) if missing else None
    empty = tuple(piece.name for piece in missing if maker is not None and not maker.write(piece, folder))
    new = tuple(piece.name for piece in missing if piece.name not in empty)
    return Prepared(
        job,
        new=new,
        there=there,
        empty=empty,
        around=None if maker is None else maker.around,
        mask=None if maker is None or maker.mask is None else "transparency" if maker.clear else "mask",
        captioned=text is not None,
        other_captions=() if text is None else _write_captions(text, [folder / name for name in (*there, *new)]),
        sided=text is not None and _SIDES.search(text) is not None,
    )


def made_of(path: Path) -> str | None:
    """The key of the photo that a picture was made of; None for one that is not there or was made by others."""
    try:
        with opened(path) as image:
            key = image.info.get(KEY)
    except InputError:
        return None
    return key if isinstance(key, str) else None


class _Maker:
    """One photo in memory, of which pieces are cut."""

    def __init__(self, job: Job, find_faces: FindFaces | None) -> None:
        self._job = job
        photo = read_upright(job.photo)
        mask = read_mask(job.photo)
        self.clear = mask is not None and transparency(job.photo) is not None
        self._photo = photo if job.box is None else photo.crop(job.box)
        self.mask = mask if mask is None or job.box is None else mask.crop(job.box)
        self._focus, self.around = CENTRE, None
        if None in job.places:
            self._focus, self.around = focal_place(photo, mask, job.size, job.asked.focus, find_faces)

    def write(self, piece: Piece, folder: Path) -> bool:
        """False if it would show nothing, or nothing of what a mask leaves: then it is not written."""
        place = self._focus if piece.place is None else piece.place
        picture = cut_photo(self._photo, self._job.size, place)
        if shows_nothing(picture):
            return False
        if self.mask is not None:
            try:
                shares = cut_mask(self._job.photo, self.mask, self._job.size, place)
            except InputError:
                return False
            alpha = np.maximum(np.rint(shares * 255.0), shares > 0).astype(
                np.uint8
            )  # little of the subject is not none
            if self.clear:
                picture = _transparent(picture, alpha)
            else:
                self._save(Image.fromarray(alpha), piece, mask_file(folder / piece.name))
        self._save(picture, piece, folder / piece.name)
        return True

    def _save(self, picture: Image.Image, piece: Piece, path: Path) -> None:
        told, file = PngImagePlugin.PngInfo(), io.BytesIO()
        told.add_text(KEY, self._job.key)
        (ImageOps.mirror(picture) if piece.flipped else picture).save(file, "PNG", pnginfo=told)
        with refusing(path):
            write_whole(path, file.getvalue())


def _transparent(picture: Image.Image, alpha: npt.NDArray[np.uint8]) -> Image.Image:
    """A picture on white as one that is transparent and, laid on white again, has the same pixels.

    The colour ``c`` of ``p = (a c + (255 - a) 255) / 255`` is one only where ``a`` is at least ``255 - p``: so beside
    edges, where resizing has darkened the white a little, a pixel is a little less transparent than its mask says.
    """
    laid = np.asarray(picture, dtype=np.float64)
    least = 255.0 - laid.min(axis=2)
    opaque = np.maximum(alpha, least)[:, :, None]
    colour = 255.0 - (255.0 - laid) * 255.0 / np.maximum(opaque, 1.0)
    return Image.fromarray(np.concatenate([np.rint(colour), opaque], axis=2).astype(np.uint8))


def _write_captions(text: str, pictures: Sequence[Path]) -> tuple[str, ...]:
    """Captions beside pictures; the names of those that were there and say something else, and are left so."""
    others = []
    for path in (picture.with_suffix(".txt") for picture in pictures):
        with refusing(path):  # it may also be there and not to be read
            if not path.exists():
                write_whole(path, text.encode())
            elif path.read_text(encoding="utf-8", errors="replace").split() != text.split():
                others.append(path.name)
    return tuple(others)


def sentences(done: Sequence[Prepared]) -> Iterator[str]:
    """What is to be said of all photos together."""
    larger = {each.job.photo.name: each.enlargement for each in done if each.new and each.enlargement > _SHOWS}
    if larger:
        worst = max(larger, key=larger.__getitem__)
        yield (
            f"{counted(len(larger), 'photo')} of too few pixels {'is' if len(larger) == 1 else 'are'} enlarged, up to"
            f" {larger[worst]:.1f} times ({worst}): the blur is learned too; take larger ones, or a smaller --size"
        )
    if others := [name for each in done for name in each.other_captions]:
        yield (
            f"{counted(len(others), 'caption')} that {'was' if len(others) == 1 else 'were'} there"
            f" ({first_of(others)}) {'says' if len(others) == 1 else 'say'} something else than beside the photo, and"
            f" {'is' if len(others) == 1 else 'are'} left so; remove {'it' if len(others) == 1 else 'them'} to have"
            " the photo's"
        )
    sided = [each.job.photo.name for each in done if each.sided and each.job.asked.flip and each.new]
    if sided:
        yield (
            f"{counted(len(sided), 'caption')} (of {first_of(sided)}) {'says' if len(sided) == 1 else 'say'} left or"
            " right, which is wrong of the mirrored copy: change it there"
        )
