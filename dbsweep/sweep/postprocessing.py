"""Pictures made larger, their faces restored: those that are not there yet, one after the other."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbsweep.concepts.photos import list_photos
from dbsweep.config.messages import counted, first_of
from dbsweep.errors import InputError
from dbsweep.models.face_detector import check_network, check_opencv, load_detector
from dbsweep.models.hash_cache import file_hashes
from dbsweep.models.places import make_folder, refuse_files, refusing

# torch takes seconds to import: after the checks.
if TYPE_CHECKING:
    from dbsweep.postprocess.faces import FaceRestorer
    from dbsweep.postprocess.upscaling import Upscaler

_DETECTOR = "--face-detector"
_LEAST_TILE = 32


@dataclass(frozen=True)
class Postprocessing:
    """What is done to each picture: it is made larger first, then its faces are restored.

    Attributes:
        upscaler: file of a model, or None.
        scale: how many times as wide and high; None for the model's own factor.
        tile, overlap: pixels, as in `dbsweep.postprocess.tiles.cut`.
        restorer: file of a model, or None.
        detector: file of the network that finds the faces.
        visibility: share of a restored face, 0 to 1.
    """

    upscaler: Path | None = None
    scale: float | None = None
    tile: int = 320
    overlap: int = 32
    restorer: Path | None = None
    detector: Path | None = None
    visibility: float = 1.0


@dataclass(frozen=True, slots=True)
class Processed:
    """Pictures that are new, and that were there already."""

    new: int
    there: int


def postprocess_pictures(
    paths: Sequence[Path],
    out: Path,
    asked: Postprocessing,
    *,
    note: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> Processed:
    """Writes each picture as a PNG of its name, unless it is there already, made from the same by the same.

    Args:
        paths: pictures, and folders of them.
        out: folder of the PNG files; is made where there is none. Nothing in it is replaced.
        note: told what is going on, one line at a time.
        progress: called with how many tiles are done and how many there are; without an upscaler of pictures.

    Raises:
        InputError: there is nothing to do, names clash, or pictures could not be read; the others are done then.
        ModelError: a file is no such model.
        RunError: the folder cannot be written.
        ResourceError: there is no memory for it, or no space on the disk.
    """
    _check(asked)
    refuse_files(out)
    targets = _targets([picture for path in paths for picture in _pictures(path)], out)
    settings = _identity(asked)
    unread: list[str] = []
    missing: list[tuple[Path, Path, str]] = []
    taken: list[str] = []
    from dbsweep.postprocess.pictures import made_from

    for source, target in targets.items():
        try:
            made = _digest([settings, _sha256(source)])
        except OSError as error:
            unread.append(f"picture {source} cannot be read ({error.strerror or error})")
            continue
        if not os.path.lexists(target):
            missing.append((source, target, made))
        elif made_from(target) != made:
            taken.append(target.name)
    if taken:
        raise InputError(
            f"--out {out} has {first_of(taken)} already, made from another picture or in another way: give another"
            " folder, or remove what is there"
        )
    if missing:
        unread += _process(missing, out, asked, note, progress)
    if unread:
        of = counted(len(targets), "picture")
        raise InputError("\n  ".join((f"{len(unread)} of {of} left out, the others are in {out}", *unread)))
    return Processed(len(missing), len(targets) - len(missing))


def _check(asked: Postprocessing) -> None:
    if asked.upscaler is None and asked.restorer is None:
        raise InputError("there is nothing to do: give --upscaler, --restore-faces or both")
    if asked.upscaler is None and asked.scale is not None:
        raise InputError("--scale needs --upscaler, a model that makes pictures larger")
    if asked.tile != 0 and asked.tile < _LEAST_TILE:
        raise InputError(f"--tile must be 0, for no tiles, or at least {_LEAST_TILE} pixels, got {asked.tile}")
    if asked.tile != 0 and asked.overlap > asked.tile // 2:
        raise InputError(f"--overlap must be at most half of --tile, {asked.tile // 2}, got {asked.overlap}")
    if asked.restorer is not None:
        if asked.detector is None:
            raise InputError(
                f"--restore-faces needs {_DETECTOR}, the file that finds them: face_detection_yunet_2023mar.onnx of "
                "OpenCV's model zoo, https://github.com/opencv/opencv_zoo"
            )
        check_network(_DETECTOR, asked.detector)
        check_opencv("--restore-faces")


def _pictures(path: Path) -> Sequence[Path]:
    if path.is_dir():
        return list_photos(path)
    if not path.exists():
        raise InputError(f"there is no picture or folder {str(path)!r}: check the path")
    return (path,)


def _targets(sources: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Where each picture goes; InputError where two go to one file, on a disk to which large letters are small."""
    each = {source.absolute(): source for source in sources}
    targets = {source: out / f"{source.stem}.png" for source in each.values()}
    by_name: dict[str, Path] = {}
    for source, target in targets.items():
        other = by_name.setdefault(target.name.casefold(), source)
        if other != source:
            raise InputError(f"{other} and {source} would both become {target}: rename one, or do them by two commands")
    return targets


def _identity(asked: Postprocessing) -> str:
    """What tells apart what was made by other models or settings."""
    files = (asked.upscaler, asked.restorer, asked.detector)
    hashes = [None if file is None else file_hashes(file).sha256 for file in files]
    return _digest([*hashes, asked.scale, asked.tile, asked.overlap, asked.visibility])


def _digest(of: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(of).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _process(
    missing: Sequence[tuple[Path, Path, str]],
    out: Path,
    asked: Postprocessing,
    note: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> list[str]:
    """Why pictures could not be read, one line each; all others are done."""
    upscaler, restorer = _load(asked, note)
    make_folder(out)
    from dbsweep.postprocess.pictures import read_picture, with_pixels, write_picture

    scale = float(asked.scale or (upscaler.scale if upscaler is not None else 1))
    done: dict[str, object] = {}
    if upscaler is not None and asked.upscaler is not None:
        done |= {"Postprocess upscale by": f"{scale:g}", "Postprocess upscaler": asked.upscaler.stem}
    if restorer is not None:
        done[f"{restorer.name} visibility"] = f"{asked.visibility:g}"
    unread, faceless = [], []
    work = _Work(upscaler, scale, [source for source, _, _ in missing], progress)
    for source, target, made in missing:
        try:
            picture = read_picture(source)
            _check_size(source, picture.pixels.shape, scale)
        except InputError as error:
            unread.append(str(error))
            work.finish(source)
            continue
        pixels = picture.pixels
        if upscaler is not None:
            pixels = upscaler.enlarge(pixels, scale, work.tick)
        if restorer is not None:
            pixels, count = restorer.restore(pixels)
            faceless += [source.name] if count == 0 else []
        with refusing(target):
            write_picture(target, with_pixels(picture, pixels), done, made)
        work.finish(source)
    if faceless:
        note(f"No face was found in {counted(len(faceless), 'picture')} ({first_of(faceless)})")
    return unread


def _load(asked: Postprocessing, note: Callable[[str], None]) -> tuple[Upscaler | None, FaceRestorer | None]:
    files = [file.name for file in (asked.upscaler, asked.restorer) if file is not None]
    note(f"Loading {' and '.join(files)}")
    from dbsweep.execution.loaded import device
    from dbsweep.postprocess.faces import FaceRestorer
    from dbsweep.postprocess.image_models import load_face_restorer, load_upscaler
    from dbsweep.postprocess.upscaling import Upscaler

    upscaler = restorer = None
    if asked.upscaler is not None:
        model = load_upscaler(asked.upscaler, device())
        upscaler = Upscaler(model, tile=asked.tile, overlap=asked.overlap, note=note)
    if asked.restorer is not None and asked.detector is not None:
        detector = load_detector(asked.detector, _DETECTOR)
        restorer = FaceRestorer(load_face_restorer(asked.restorer, device()), detector, asked.visibility)
    return upscaler, restorer


def _check_size(source: Path, shape: tuple[int, ...], scale: float) -> None:
    from PIL import Image

    pixels = round(shape[0] * scale) * round(shape[1] * scale)
    if Image.MAX_IMAGE_PIXELS is not None and pixels > 2 * Image.MAX_IMAGE_PIXELS:  # where Pillow refuses to read it
        raise InputError(
            f"picture {source} would have {pixels:,} pixels, which most programs refuse: give a smaller --scale"
        )


class _Work:
    """How much is done: tiles, by the sizes that the pictures' files tell; without an upscaler pictures."""

    def __init__(
        self, upscaler: Upscaler | None, scale: float, sources: Sequence[Path], progress: Callable[[int, int], None]
    ) -> None:
        self._parts = {source: self._count(upscaler, scale, source) for source in sources}
        self._finished = self._ticks = 0
        self._progress = progress
        progress(0, sum(self._parts.values()))

    @staticmethod
    def _count(upscaler: Upscaler | None, scale: float, source: Path) -> int:
        from dbsweep.concepts.photos import photo_size

        try:
            return 1 if upscaler is None else upscaler.count(photo_size(source), scale)
        except InputError:
            return 1

    def tick(self) -> None:
        self._ticks += 1
        self._tell()

    def finish(self, source: Path) -> None:
        self._finished += self._parts[source]
        self._ticks = 0
        self._tell()

    def _tell(self) -> None:
        total = sum(self._parts.values())
        self._progress(min(self._finished + self._ticks, total), total)
