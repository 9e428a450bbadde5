"""Where the caption of an image stands, beside it or in a file for the whole folder, and what it says."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from pathlib import Path

from dbsweep.config.concept import FILEWORDS
from dbsweep.errors import InputError

SUFFIXES = (".txt", ".caption")
"""Of files beside an image; the first that is there counts. kohya's scripts look for the second by default."""

METADATA = "metadata.jsonl"
"""Captions of a whole folder, one JSON object a line, as Hugging Face's `imagefolder` has them."""

_TEXT_KEYS = ("text", "prompt")
"""The caption of a line; the first that is there counts. diffusers' examples have the one or the other."""


def caption_file(image: Path) -> Path | None:
    """The file that holds an image's caption: beside it, else the folder's `metadata.jsonl`; None if neither is there.

    Whoever wants to know asks here.
    """
    return next(iter(_files(image)), None)


def caption_place(image: Path) -> str:
    """Where an image's caption stands, for messages."""
    path = caption_file(image)
    return f"of {image.name} in {path}" if path is not None and path.name == METADATA else f"{path}"


def caption_name(image: Path) -> str:
    """What to call an image's caption in a list: its file, or the image itself where one file is for all."""
    path = caption_file(image)
    return image.name if path is None or path.name == METADATA else path.name


def read_file(image: Path) -> str:
    """The text of an image's caption, with its lines; it may be empty.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    text = find_text(image)
    if text is None:
        raise InputError(f"{image} has no caption: {_instead(image)}, or take {FILEWORDS} out of the prompt")
    return text


def find_text(image: Path) -> str | None:
    """The text of an image's caption, with its lines; None where it has none.

    Raises:
        InputError: it is there and cannot be read.
    """
    path = caption_file(image)
    return None if path is None else _read(image, path)


def overlooked_file(image: Path) -> Path | None:
    """A further file with a caption of the image, which says something else than the one that counts; None without."""
    first, *further = _files(image) or [image]
    for path in further:
        with suppress(InputError):
            text = _read(image, path)
            if text is not None and text.split() != (_read(image, first) or "").split():
                return path
    return None


def _files(image: Path) -> list[Path]:
    """All that may hold the image's caption and are there, what counts first."""
    beside = (image.with_suffix(suffix) for suffix in SUFFIXES)
    return [path for path in (*beside, image.parent / METADATA) if path.exists()]


def _read(image: Path, path: Path) -> str | None:
    """What a file says of an image; None where one file is for all and has no line for it."""
    return metadata_captions(image.parent).get(image) if path.name == METADATA else _text(path)


def metadata_captions(folder: Path) -> dict[Path, str]:
    """The captions of a folder's `metadata.jsonl` by the paths of its images, there or not; none without the file.

    Raises:
        InputError: it cannot be read, naming the line.
    """
    path = folder / METADATA
    if not path.exists():
        return {}
    stat = path.stat()
    return _metadata_captions(path, stat.st_size, stat.st_ctime_ns)


@cache
def _metadata_captions(path: Path, size: int, ctime_ns: int) -> dict[Path, str]:
    """A process reads a file again only when size or time tell that it may have changed."""
    del size, ctime_ns
    found: dict[Path, str] = {}
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        name, text = _entry(line, f"line {number} of {path}")
        image = path.parent / name
        if image in found:
            raise InputError(f"line {number} of {path} is the second for {name}: keep one")
        found[image] = text
    return found


def _entry(line: str, at: str) -> tuple[str, str]:
    """File name and caption of a line."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{at} cannot be read as JSON ({error.msg}): write one object a line") from error
    entry = entry if isinstance(entry, dict) else {}
    name, text = entry.get("file_name"), next((entry[key] for key in _TEXT_KEYS if key in entry), None)
    if not isinstance(name, str) or not isinstance(text, str):
        lacks = '"file_name"' if not isinstance(name, str) else " or ".join(f'"{key}"' for key in _TEXT_KEYS)
        raise InputError(f'{at} has no text under {lacks}: write {{"file_name": "01.png", "text": "a caption"}}')
    return name, text


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"caption {path} cannot be read ({error.strerror}): make it a file that you may read"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"caption {path} is not UTF-8 text: save it as UTF-8") from error
    if "\0" in text:  # UTF-16 without a mark passes for UTF-8 where its letters are English
        raise InputError(f"caption {path} is not UTF-8 text: save it as UTF-8")
    return text


def _instead(image: Path) -> str:
    """What to do for a caption that is missing."""
    path, other = image.with_suffix(".txt"), image.with_suffix(".TXT")
    if other.is_file():
        return f"rename {other.name} to {path.name}"
    if (image.parent / METADATA).is_file():
        return f"add a line for it to {METADATA}"
    return f"describe it in {path.name} beside it"
