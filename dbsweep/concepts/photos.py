"""Photos: finding them, checking that each can be read, and reading one as a square."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms, ImageOps, ImageStat, UnidentifiedImageError

from dbsweep.concepts import heic
from dbsweep.concepts.mask_files import is_mask
from dbsweep.errors import InputError
from dbsweep.plan.buckets import Size

SUFFIXES = (
    *(".apng", ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"),
    *(".mpo", ".png", ".tif", ".tiff", ".webp"),
)
"""Files that are read as photos; masks, captions and other files beside them are left alone."""

UNREADABLE_SUFFIXES = (
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2", ".srw"),
    *(".hif", ".jxl", ".psd", ".svg", ".tga"),
    *heic.SUFFIXES,
)
"""Pictures that would be missed if they were passed over in silence; HEIC can be read with an extra."""

MIN_CONTRAST = 1.0
"""Standard deviation of the pixels of a channel, in grey levels of 255, below which an image shows nothing."""
NOISE_CONTRAST = 6.0
"""The same, up to which it may all be noise of a sensor or of JPEG: looked at coarsely, it then shows nothing."""
COARSE = (8, 8)
"""Size at which noise has averaged out and what a photo shows has not."""

_SRGB = ImageCms.createProfile("sRGB")

_LYING = (5, 6, 7, 8)
"""EXIF orientations of pictures that are turned by a quarter."""

_DECODING_ERRORS = (
    OSError,  # no such file, no permission, not an image, truncated
    ValueError,
    SyntaxError,  # Pillow's word for a broken PNG chunk
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def list_photos(folder: Path) -> tuple[Path, ...]:
    """The photos in a folder, sorted by name; sub-folders are not searched.

    Raises:
        InputError: the folder is missing, may not be read or holds no photo, or holds a picture of a kind that is not
            read and no photo of the same name beside it, or a name that is no text.
    """
    try:
        if not folder.is_dir():
            what = "is a file, not a folder" if folder.exists() else "does not exist"
            raise InputError(f"photo folder {folder} {what}: give the folder that holds the photos")
        visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except PermissionError as error:
        raise InputError(f"photo folder {folder} cannot be read (no permission): give one that you may read") from error
    files = sorted(path for path in visible if path.is_file() or path.is_symlink())
    photos = tuple(path for path in files if path.suffix.lower() in SUFFIXES and not is_mask(path))
    unnamed = [repr(os.fsencode(path.name))[2:-1] for path in photos if not _is_text(path.name)]
    if unnamed:  # ledger, page and MLflow could not hold them
        raise InputError(f"{folder} holds photos whose names are not UTF-8 text ({', '.join(unnamed)}): rename them")
    converted = {photo.stem for photo in photos}
    others = [p for p in files if p.suffix.lower() in UNREADABLE_SUFFIXES and p.stem not in converted]
    of_phones = [path for path in others if path.suffix.lower() in heic.SUFFIXES]
    if of_phones and heic.reads_heic():
        photos = tuple(sorted((*photos, *of_phones)))
    if unread := [path.name for path in others if path not in photos]:
        fix = f", or {heic.INSTALL} to read HEIC" if of_phones and of_phones[0] not in photos else ""
        raise InputError(f"{folder} holds pictures that cannot be read ({', '.join(unread)}): convert them to PNG{fix}")
    if not photos:
        below = folders_with_photos(folder)
        where = f"; they are not looked for in its folders, such as {below[0].name}: give that one" if below else ""
        raise InputError(f"no photos in {folder}: put some there ({', '.join(SUFFIXES)}){where}")
    return photos


def folders_with_photos(folder: Path) -> tuple[Path, ...]:
    """The folders in a folder that hold photos, sorted by name; hidden ones are left out."""
    below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return tuple(path for path in below if _holds_photos(path))


def _holds_photos(folder: Path) -> bool:
    try:
        suffixes = (*SUFFIXES, *heic.SUFFIXES)
        return any(path.suffix.lower() in suffixes and not is_mask(path) for path in folder.iterdir())
    except PermissionError:
        return False


def _is_text(name: str) -> bool:
    """False for a name in another encoding, as archives from old systems leave them."""
    return not any("\udc80" <= character <= "\udcff" for character in name)


def check_photos(paths: Iterable[Path]) -> dict[Path, int]:
    """Opens and decodes every photo to its last row.

    Returns:
        A number for each, which is the same for photos with the same pixels, and for few others.

    Raises:
        InputError: naming each photo that cannot be read, with the reason, or that shows nothing.
    """
    faults, looks = [], {}
    for path in paths:
        try:
            image = read_upright(path)
        except InputError as error:
            faults.append(str(error))
            continue
        statistics = ImageStat.Stat(image)
        looks[path] = hash((image.size, *statistics.h))
        if shows_nothing(image, statistics.stddev):
            faults.append(f"photo {path} shows nothing but one flat colour")
    if faults:
        raise InputError(f"{'; '.join(faults)}: replace or remove {'it' if len(faults) == 1 else 'them'}")
    return looks


def shows_nothing(image: Image.Image, contrast: Sequence[float] | None = None) -> bool:
    """Whether there is but one colour, and noise at most.

    Args:
        contrast: the standard deviation of each channel, where it is known.
    """
    if max(ImageStat.Stat(image).stddev if contrast is None else contrast) >= NOISE_CONTRAST:
        return False
    return max(ImageStat.Stat(image.resize(COARSE, Image.Resampling.BOX)).stddev) < MIN_CONTRAST


def pixels_sha256(path: Path) -> str:
    """SHA-256 of a photo's size and pixels, whatever the format of its file.

    Raises:
        InputError: the photo cannot be read.
    """
    image = read_upright(path)
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()


def is_whole(path: Path) -> bool:
    """Whether an image file is there and undamaged, by its checksums, without decoding it; a PNG's cover all of it."""
    try:
        with Image.open(path) as image:
            image.verify()
    except _DECODING_ERRORS:
        return False
    return True


def read_square(path: Path, resolution: int) -> npt.NDArray[np.uint8]:
    """A photo as a square: turned upright by its EXIF tag, cropped at the centre, resized by Lanczos.

    Transparency is laid on white. Returns (resolution, resolution, 3) uint8 RGB.

    Raises:
        InputError: the photo cannot be read.
    """
    return read_photo(path, (resolution, resolution))


def read_photo(path: Path, size: Size, place: float = 0.5) -> npt.NDArray[np.uint8]:
    """A photo cropped to a shape and resized by Lanczos, otherwise as `read_square`.

    Args:
        size: width and height, pixels.
        place: of the window, on the one side that is cropped: 0 at the left or top end, 1 at the other.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        InputError: the photo cannot be read.
    """
    return np.asarray(cut_photo(read_upright(path), size, place), dtype=np.uint8)


def cut_photo(photo: Image.Image, size: Size, place: float = 0.5) -> Image.Image:
    """A window of a whole photo, as `read_photo` has it of a file."""
    return ImageOps.fit(photo, size, Image.Resampling.LANCZOS, centering=(place, place))


def photo_size(path: Path) -> tuple[int, int]:
    """Width and height of a photo as it stands upright, without decoding it.

    Raises:
        InputError: the photo cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _open(path) as image:
                lies = image.getexif().get(ExifTags.Base.Orientation, 1) in _LYING
                return (image.height, image.width) if lies else (image.width, image.height)
    except _DECODING_ERRORS as error:
        raise InputError(f"photo {path} cannot be read ({_reason(path, error)})") from error


def _open(path: Path) -> Image.Image:
    if heic.is_heic(path):
        heic.reads_heic()
    return Image.open(path)


def read_upright(path: Path) -> Image.Image:
    """The whole photo, upright, in sRGB without transparency, at its own size.

    Raises:
        InputError: it cannot be read.
    """
    with opened(path) as image:
        return _opaque(ImageOps.exif_transpose(image))


@contextmanager
def opened(path: Path, what: str = "photo") -> Iterator[Image.Image]:
    """A picture's file, to be decoded in the block.

    Args:
        what: what to call it in messages.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # Pillow would only warn
            with _open(path) as image:
                yield image
    except _DECODING_ERRORS as error:
        raise InputError(f"{what} {path} cannot be read ({_reason(path, error)})") from error


def eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey by its upper 8 bits, which Pillow would clip to white; any other picture as it is.

    ValueError for 32-bit grey: nothing says which value is white.
    """
    if image.mode in ("I", "F"):
        raise ValueError("32 bits a pixel; save it with 8 or 16")
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image, dtype=np.uint16) >> 8).astype(np.uint8))
    return image


def _opaque(image: Image.Image) -> Image.Image:
    """sRGB without transparency, with 8 bits a channel."""
    profile = image.info.get("icc_profile") or heic.told_profile(image.info)
    image = eight_bits(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    if image.mode in ("P", "RGBA"):
        image = image.convert("RGB")
    return in_srgb(image, profile).convert("RGB")


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """With the colours that its profile means: Display P3, of phones, or Adobe RGB would turn pale if read as sRGB."""
    if not profile:
        return image
    try:
        return ImageCms.profileToProfile(image, io.BytesIO(profile), _SRGB, outputMode="RGB") or image
    except ImageCms.PyCMSError:  # damaged, or of other channels than the picture's
        return image


def _reason(path: Path, error: Exception) -> str:
    """Why decoding failed, in a few words and one line."""
    if isinstance(error, FileNotFoundError):
        return "its link leads nowhere" if path.is_symlink() else "no such file"
    if isinstance(error, PermissionError):
        return "no permission"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
    if isinstance(error, UnidentifiedImageError):
        if heic.is_heic(path) and not heic.reads_heic():
            return f"HEIC; convert it, or {heic.INSTALL}"
        return "an empty file" if path.stat().st_size == 0 else "not an image"
    return " ".join(str(error).split()) or type(error).__name__
