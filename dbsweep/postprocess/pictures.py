"""Pictures read with all that is to stay of them, and written with what was done to them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter, ImageOps, PngImagePlugin

from dbsweep.concepts.heic import told_profile
from dbsweep.concepts.photos import eight_bits, in_srgb, opened
from dbsweep.models.durable import new_file
from dbsweep.sampling.infotext import PNG_KEY, format_settings, read_text

Pixels = npt.NDArray[np.uint8]

DONE_KEY = "postprocessing"
"""PNG text of what was done, as A1111's Extras tab writes it."""
MADE_KEY = "dbsweep"
"""PNG text of what a file was made from, by which it is known again."""

_XMP = "XML:com.adobe.xmp"
_SETTINGS = "Steps: "
"""What is in every infotext."""
_NEAR = 4.0
"""Radius in pixels from which what is transparent gets its colour."""


@dataclass(frozen=True)
class Picture:
    """A picture upright, in sRGB.

    Attributes:
        pixels: (h, w, 3) uint8 RGB; where it is transparent, the colour of what is near.
        alpha: (h, w) uint8, or None where it has none.
        is_grey: its file has no colours.
        texts: of a PNG all texts, of others the infotext alone, by its PNG key.
    """

    pixels: Pixels
    alpha: Pixels | None
    is_grey: bool
    texts: Mapping[str, str]


def read_picture(path: Path) -> Picture:
    """The first picture of a file.

    Raises:
        InputError: it cannot be read.
    """
    with opened(path, "picture") as image:
        texts = {key: str(text) for key, text in getattr(image, "text", {}).items() if key != _XMP}
        image = ImageOps.exif_transpose(image)
        profile = image.info.get("icc_profile") or told_profile(image.info)
        image = eight_bits(image)
        is_grey = image.mode in ("1", "L", "LA")
        alpha = None
        if image.has_transparency_data:
            layer = image.convert("RGBA")
            alpha, image = np.asarray(layer.getchannel("A")), _opaque(layer)
        if image.mode == "P":
            image = image.convert("RGB")
        pixels = np.asarray(in_srgb(image, profile).convert("RGB"))
    return Picture(pixels, alpha, is_grey, texts or _infotext(path))


def write_picture(path: Path, picture: Picture, done: Mapping[str, object], made_from: str) -> None:
    """Writes a PNG with the picture's texts and what was done to it, whole or not at all.

    Args:
        done: as in A1111's Extras: ``Postprocess upscale by``, ``Postprocess upscaler``, ``GFPGAN visibility``.
        made_from: what `made_from` will give.
    """
    image = Image.fromarray(picture.pixels)
    if picture.is_grey:
        image = image.convert("L")
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    text = PngImagePlugin.PngInfo()
    for key, value in {**picture.texts, DONE_KEY: format_settings(done), MADE_KEY: made_from}.items():
        text.add_text(key, value)
    with new_file(path) as temporary:
        image.save(temporary, format="PNG", pnginfo=text)


def made_from(path: Path) -> str:
    """What an undamaged file was made from, as it was told when it was written; empty for any other."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow has written it also reads
            with Image.open(path) as image:
                text = str(image.info.get(MADE_KEY, ""))
                image.verify()
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return ""
    return text


def with_pixels(picture: Picture, pixels: Pixels) -> Picture:
    """The picture with other pixels, of another size perhaps; its transparency is resized."""
    alpha = picture.alpha
    if alpha is not None:
        size = (pixels.shape[1], pixels.shape[0])
        alpha = np.asarray(Image.fromarray(alpha).resize(size, Image.Resampling.LANCZOS))
    return replace(picture, pixels=pixels, alpha=alpha)


def _opaque(layer: Image.Image) -> Image.Image:
    """Where it is transparent it gets the colour of what is near: models mix in whatever lies there, often black."""
    near = layer.convert("RGBa").filter(ImageFilter.GaussianBlur(_NEAR)).convert("RGBA")
    return Image.composite(layer.convert("RGB"), near.convert("RGB"), layer.getchannel("A"))


def _infotext(path: Path) -> dict[str, str]:
    """The settings by which a JPEG or WebP was drawn; what cameras write in their place is left out."""
    text = read_text(path)
    return {PNG_KEY: text} if _SETTINGS in text else {}
