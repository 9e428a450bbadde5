"""Masks: what of a photo is the subject, told by the photo's own transparency or by a grey picture beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from dbsweep.concepts.mask_files import mask_file
from dbsweep.concepts.photos import eight_bits, opened, photo_size
from dbsweep.errors import InputError
from dbsweep.plan.buckets import Size


def read_mask(photo: Path) -> Image.Image | None:
    """The mask of a whole photo, upright as that is: its transparency, or else the picture beside it; None without.

    Returns:
        Mode L and the photo's size: 255 is the subject, 0 the background.

    Raises:
        InputError: it cannot be read, is of another size than the photo, or leaves nothing of the subject.
    """
    mask = transparency(photo)
    if mask is not None:
        return _with_a_subject(mask, f"photo {photo} is transparent all over: leave the subject in it")
    file = mask_file(photo)
    if not file.exists():
        return None
    with opened(file, "mask") as image:
        mask = _grey(ImageOps.exif_transpose(image))
    if mask.size != (size := photo_size(photo)):
        raise InputError(
            f"mask {file} has {mask.width}×{mask.height} pixels and photo {photo.name}, upright, {size[0]}×{size[1]}:"
            " make the mask as large as the photo"
        )
    return _with_a_subject(mask, f"mask {file} is black all over: paint the subject white, or remove it")


def transparency(photo: Path) -> Image.Image | None:
    """What of a photo is opaque, upright, mode L; None where all is, or where the file cannot tell.

    Raises:
        InputError: the photo cannot be read.
    """
    with opened(photo) as image:
        if not image.has_transparency_data or image.mode.startswith("I"):
            return None  # without decoding it
        alpha = ImageOps.exif_transpose(image).convert("RGBA").getchannel("A")
    return None if alpha.getextrema() == (255, 255) else alpha


def cut_mask(
    photo: Path, mask: Image.Image | None, size: Size, place: float = 0.5, *, factor: int = 1
) -> npt.NDArray[np.float32]:
    """The mask as `dbsweep.concepts.photos.read_photo` cuts its photo, then brought to the size of its latents.

    Args:
        mask: as `read_mask` returns it; all counts without one.
        size, place: as there.
        factor: pixels along a side of a latent pixel, of which each is the mean.

    Returns:
        (height / factor, width / factor) float32: the share of each latent pixel that is the subject, 0 to 1.

    Raises:
        InputError: nothing of the subject is in the window.
    """
    if mask is None:
        return np.ones((size[1] // factor, size[0] // factor), dtype=np.float32)
    # In floats, for few white pixels among many black ones would be rounded away.
    window = ImageOps.fit(mask.convert("F"), size, Image.Resampling.BOX, centering=(place, place))
    shares = np.asarray(window.reduce(factor), dtype=np.float32) / np.float32(255.0)
    if not shares.any():
        raise InputError(
            f"photo {photo} shows nothing of what its mask leaves when it is cut to {_shape(size)}: crop it by hand"
            f"{'' if place == 0.5 else ', lower train.random_crops'}, or set train.aspect_ratio_buckets"
        )
    return shares


def _shape(size: Size) -> str:
    return "a square" if size[0] == size[1] else f"the shape {size[0]}:{size[1]}"


def _grey(image: Image.Image) -> Image.Image:
    """A mask in any mode as grey; what is transparent is no subject, whatever its colour."""
    image = eight_bits(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer)
    return image.convert("L")


def _with_a_subject(mask: Image.Image, fault: str) -> Image.Image:
    if mask.getextrema() == (0, 0):
        raise InputError(fault)
    return mask
