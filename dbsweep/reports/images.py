"""Reading pictures from disk and embedding them in a page that needs nothing beside it."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageOps

from dbsweep.concepts.photos import read_upright
from dbsweep.errors import InputError
from dbsweep.reports.pictures import Picture

THUMBNAIL: Final = 256
"""Longest side of an embedded image, pixels; larger ones are scaled down and put beside the page."""

PIXEL_ART: Final = 128
"""Up to this side images are enlarged with hard pixel edges and may be embedded losslessly."""

GAP: Final = 2
"""Transparent pixels between the seeds of a sheet."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture as the page holds it.

    Attributes:
        uri: a data URI of the seeds side by side; empty when no file could be read.
        width, height: of one seed's image, pixels.
        count: seeds in the sheet.
        missing: file names that could not be read.
        originals: links to full-size files in the report folder, relative to the page.
    """

    uri: str
    width: int
    height: int
    count: int
    missing: tuple[str, ...]
    originals: tuple[str, ...]

    @property
    def sheet_width(self) -> int:
        """Pixels of all seeds with the gaps between them."""
        return self.count * (self.width + GAP) - GAP

    @property
    def zoom(self) -> int:
        """How many times larger the viewer shows it, up to the size of a thumbnail; whole, for hard pixel edges."""
        return THUMBNAIL // max(self.width, 1)

    @property
    def pixelated(self) -> bool:
        """Whether to enlarge with hard pixel edges."""
        return max(self.width, self.height) <= PIXEL_ART


def read_image(path: Path) -> Image.Image | None:
    """An image upright and in sRGB at its own size; None when it cannot be read."""
    try:
        return read_upright(path)
    except InputError:  # the page says which file it was
        return None


def blank(size: tuple[int, int]) -> Image.Image:
    """The tile that stands for a missing image: grey, crossed out."""
    tile = Image.new("RGB", size, (214, 212, 207))
    pen = ImageDraw.Draw(tile)
    width, height = size
    pen.line((0, 0, width - 1, height - 1), fill=(150, 147, 140))
    pen.line((0, height - 1, width - 1, 0), fill=(150, 147, 140))
    return tile


def sheet(tiles: Sequence[Image.Image | None]) -> Image.Image:
    """Tiles side by side on transparency, all in the size of the first one that is there."""
    size = next((tile.size for tile in tiles if tile is not None), (64, 64))
    canvas = Image.new("RGBA", (len(tiles) * (size[0] + GAP) - GAP, size[1]), (0, 0, 0, 0))
    for index, tile in enumerate(tiles):
        whole = blank(size) if tile is None else ImageOps.fit(tile, size) if tile.size != size else tile
        canvas.paste(whole, (index * (size[0] + GAP), 0))
    return canvas


def data_uri(image: Image.Image, *, lossless: bool) -> str:
    """An image as a WebP data URI; small ones get the higher quality, because their pixels will be enlarged."""
    buffer = io.BytesIO()
    quality = 60 if lossless else 90 if image.height <= PIXEL_ART else 78
    # Method 2 costs a third of the default's time for 1% more bytes.
    image.save(buffer, "WEBP", lossless=lossless, quality=quality, method=2)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


class Album:
    """Embeds pictures for one page and copies full-size originals beside it.

    Args:
        out_dir: the page's folder; originals go to its ``images`` folder.
    """

    def __init__(self, out_dir: Path) -> None:
        self._folder = out_dir / "images"
        self._copied: dict[Path, str] = {}

    def embed(self, picture: Picture, *, precious: bool = False) -> Embedded:
        """A picture as a data URI.

        Args:
            picture: the files; missing ones become crossed-out tiles.
            precious: keep small images without loss, and copy the originals of large ones beside the page.
        """
        images = [read_image(path) for path in picture.paths]
        found = next((image for image in images if image is not None), None)
        names = tuple(p.name for p, image in zip(picture.paths, images, strict=True) if image is None)
        if found is None:
            return Embedded("", 0, 0, len(images), names, ())
        large = max(found.size) > THUMBNAIL
        tiles = [_thumbnail(image) if image is not None else None for image in images]
        sheet_image = sheet(tiles)
        width, height = (sheet_image.width + GAP) // len(tiles) - GAP, sheet_image.height
        uri = data_uri(sheet_image, lossless=precious and max(width, height) <= PIXEL_ART)
        kept = [(p, image) for p, image in zip(picture.paths, images, strict=True) if image is not None]
        originals = tuple(self._keep(path, image) for path, image in kept) if precious and large else ()
        return Embedded(uri, width, height, len(tiles), names, originals)

    def _keep(self, path: Path, image: Image.Image) -> str:
        """Put a file beside the page once; returns its link.

        PNGs are copied: drawn ones tell how they were drawn. Of other photos it is a JPEG, which every browser shows,
        and which does not tell where they were taken.
        """
        if path not in self._copied:
            self._folder.mkdir(parents=True, exist_ok=True)
            is_png = path.suffix.lower() == ".png"
            name = f"{len(self._copied) + 1:04d}{'.png' if is_png else '.jpg'}"
            if is_png:
                shutil.copyfile(path, self._folder / name)
            else:
                image.save(self._folder / name, quality=95)
            self._copied[path] = f"images/{name}"
        return self._copied[path]


def _thumbnail(image: Image.Image) -> Image.Image:
    if max(image.size) <= THUMBNAIL:
        return image
    return ImageOps.contain(image, (THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
