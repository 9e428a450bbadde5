"""HEIC, in which phones write photos: read where the extra `heic` is installed."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import ImageCms

SUFFIXES = (".heic", ".heif")
"""Not the ``.hif`` of cameras, which are mostly made for HDR screens and would turn pale."""

INSTALL = "pip install 'dbsweep[heic]'"

_BRANDS = (b"ftypheic", b"ftypheix", b"ftypheim", b"ftypheis", b"ftypmif1")


_WIDE: Final = (9, 11, 12)
"""Primaries that are not nearly sRGB's, by their code points (ITU-T H.273, table 2): BT.2020, DCI-P3, Display P3.

Those of BT.601 are told by encoders that mean sRGB, and are next to it."""

_ORDINARY: Final = (1, 2, 6, 13, 14, 15)
"""Transfer curves that are shown as sRGB's (table 3), and what is not told; PQ and HLG are for HDR screens."""

_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""From XYZ to the responses of cones by which one white is turned into another (ICC.1:2022, annex E)."""

_D50: Final = np.array([0.9642, 1.0, 0.8249])
"""The white of ICC profiles."""


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


def told_profile(info: Mapping[Any, Any]) -> bytes | None:
    """An ICC profile of the colours that a picture has by code points in place of a profile; None for about sRGB.

    Args:
        info: Pillow's, of an opened picture; pillow-heif puts the coordinates of the primaries beside their code point.
    """
    told = info.get("nclx_profile")
    if not told or told["color_primaries"] not in _WIDE or told["transfer_characteristics"] not in _ORDINARY:
        return None
    red, green, blue, white = (
        _xyz(told[f"color_primary_{name}_x"], told[f"color_primary_{name}_y"])
        for name in ("red", "green", "blue", "white")
    )
    primaries = np.stack([red, green, blue], axis=1)
    primaries = primaries * np.linalg.solve(primaries, white)  # all three together are white
    cones = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    return _srgb_with(np.linalg.inv(_BRADFORD) @ cones @ _BRADFORD @ primaries)


def _xyz(x: float, y: float) -> npt.NDArray[np.float64]:
    """Of a chromaticity, at a luminance of 1."""
    return np.array([x / y, 1.0, (1.0 - x - y) / y])


def _srgb_with(primaries: npt.NDArray[np.float64]) -> bytes:
    """sRGB's profile with other primaries.

    Args:
        primaries: (3, 3), XYZ by red, green and blue, under D50.
    """
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (tags,) = struct.unpack_from(">I", profile, 128)
    for tag in range(tags):
        name, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * tag)
        if name in (b"rXYZ", b"gXYZ", b"bXYZ"):
            column = primaries[:, "rgb".index(name[:1].decode())]
            struct.pack_into(">3i", profile, offset + 8, *(round(float(value) * 65536) for value in column))
    return bytes(profile)
