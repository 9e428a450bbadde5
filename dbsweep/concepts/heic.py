"""HEIC, in which phones write photos: read where the extra `heic` is installed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

SUFFIXES = (".heic", ".heif")
"""Not the ``.hif`` of cameras, which are mostly made for HDR screens and would turn pale."""

INSTALL = "pip install 'dbsweep[heic]'"

_BRANDS = (b"ftypheic", b"ftypheix", b"ftypheim", b"ftypheis", b"ftypmif1")


@cache
def reads_heic() -> bool:
    """Whether Pillow reads HEIC; it learns to where it can."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def is_heic(path: Path) -> bool:
    """Whether a file is HEIC, however it is called; OSError if it cannot be read."""
    with path.open("rb") as stream:
        return stream.read(12)[4:] in _BRANDS
