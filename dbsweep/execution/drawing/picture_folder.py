"""A folder of pictures with their infotext: what it lacks is drawn."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from dbsweep.concepts.photos import is_whole
from dbsweep.config.evaluate import DrawingPrecision
from dbsweep.errors import InputError
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.places import refusing
from dbsweep.sampling.denoising import Image
from dbsweep.sampling.infotext import ImageInfo, format_info, read_text, write_png
from dbsweep.sampling.request import ImageRequest, Picture
from dbsweep.sampling.sampler import draw

_WORDS = 40
"""Characters of the prompt in a file's name."""


def find_missing(pictures: Sequence[Picture], folder: Path, model_hash: str) -> set[int]:
    """Places of those pictures that no undamaged PNG of the folder has the infotext of, whatever its name.

    Args:
        model_hash: goes into the infotext.
    """
    texts = _infotexts(pictures, model_hash)
    there = _whole_texts(folder, set(texts))
    return {index for index, text in enumerate(texts) if text not in there}


def draw_missing(
    models: StableDiffusion,
    pictures: Sequence[Picture],
    missing: AbstractSet[int],
    folder: Path,
    *,
    model_hash: str,
    precision: DrawingPrecision = "auto",
    batch_size: int = 8,
    progress: Callable[[int, int], None],
) -> None:
    """Draws those pictures that are missing; each file appears whole or not at all.

    Args:
        pictures: each once.
        missing, model_hash: as of `find_missing`.
        batch_size: pictures that are drawn at once; fewer where memory is short.
        progress: called with how many have been drawn and how many there are to draw, first with 0.

    Raises:
        RunError, DiskError: a picture cannot be written; those before it are whole.
    """
    texts, drawn = _infotexts(pictures, model_hash), 0
    progress(drawn, len(missing))
    for images in draw_batches(models, pictures, missing, precision=precision, batch_size=batch_size):
        for index, image in images.items():
            picture = pictures[index]
            path = folder / picture_name(index, picture.request, texts[index])
            with refusing(path):
                write_png(path, image, picture.request, model_hash, clip_skip=picture.clip_skip)
        drawn += len(images)
        progress(drawn, len(missing))


def draw_batches(
    models: StableDiffusion,
    pictures: Sequence[Picture],
    missing: AbstractSet[int],
    *,
    precision: DrawingPrecision,
    batch_size: int,
) -> Iterator[dict[int, Image]]:
    """Draws what is missing, and gives the pictures of each batch, by their places, when they are there.

    Processors round differently for batches of different sizes, and some for other places in them. Therefore a batch
    that lacks a picture is drawn as a whole, and of it what is missing is given: the same call gives the same bits.
    """
    for batch in batches_to_draw(pictures, missing, batch_size):
        clip_skip = pictures[batch[0]].clip_skip
        requests = [pictures[index].request for index in batch]
        images = draw(models, requests, batch_size=batch_size, clip_skip=clip_skip, precision=precision)
        yield {index: image for index, image in zip(batch, images, strict=True) if index in missing}


def is_there(path: Path, text: str) -> bool:
    """Whether a file is an undamaged picture of this infotext."""
    try:
        return read_text(path) == text and is_whole(path)
    except InputError:
        return False


def picture_name(index: int, request: ImageRequest, text: str) -> str:
    """``00012-photo-of-ohwx-man-420420-1f0c9a3e.png``: sorts by place, and never names another picture's file."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", request.prompt)[:_WORDS].strip("-")
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return "-".join(part for part in (f"{index + 1:05d}", words, str(request.seed), digest) if part) + ".png"


def _infotexts(pictures: Sequence[Picture], model_hash: str) -> list[str]:
    return [format_info(ImageInfo(p.request, model_hash, clip_skip=p.clip_skip)) for p in pictures]


def _whole_texts(folder: Path, wanted: set[str]) -> set[str]:
    """The infotexts, of those wanted, that an undamaged PNG of the folder has, whatever its name."""
    return {text for path, text in _texts(folder) if text in wanted and is_whole(path)}


def _texts(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in folder.glob("[!.]*.png"):
        try:
            yield path, read_text(path)
        except InputError:  # no picture, or one that a power cut has left half written
            continue


def batches_to_draw(pictures: Sequence[Picture], missing: AbstractSet[int], batch_size: int) -> Iterator[list[int]]:
    """Of the batches of `draw_batches`, as places, those that lack a picture."""
    return (batch for batch in _batches(pictures, batch_size) if not missing.isdisjoint(batch))


def _batches(pictures: Sequence[Picture], batch_size: int) -> Iterator[list[int]]:
    """Indices of pictures that can be drawn at once; the same whatever is there already."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, picture in enumerate(pictures):
        groups.setdefault((picture.clip_skip, picture.request.together), []).append(index)
    for group in groups.values():
        for start in range(0, len(group), batch_size):
            yield group[start : start + batch_size]
