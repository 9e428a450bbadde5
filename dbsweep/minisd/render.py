"""One entry point: a subject, a scene and a style make an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PIL import Image

from dbsweep.minisd.attributes import Scene, Style, Subject
from dbsweep.minisd.portrait import Portrait, compose
from dbsweep.minisd.styles import drawn, painted, photo, printed

PAINTERS: Final[dict[Style, Callable[[Portrait], Image.Image]]] = {
    "photo": photo.paint,
    "pencil sketch": drawn.pencil,
    "neon": drawn.neon,
    "watercolor": painted.watercolor,
    "comic": printed.comic,
    "pixel art": painted.pixel_art,
    "pop art": printed.pop_art,
    "ink poster": printed.ink_poster,
}


def render(subject: Subject, scene: Scene, style: Style) -> Image.Image:
    """Draw `subject` in `scene`; the same arguments always give the same pixels.

    Returns:
        A 64 by 64 RGB image.
    """
    return PAINTERS[style](compose(subject, scene))
