"""What enlarges a picture between the passes of a "Hires. fix", by A1111's names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from PIL import Image

from dbsweep.config.messages import closest
from dbsweep.errors import DbsweepError

OF_LATENTS: Mapping[str, tuple[str, bool]] = MappingProxyType(
    {
        "Latent": ("bilinear", False),
        "Latent (antialiased)": ("bilinear", True),
        "Latent (bicubic)": ("bicubic", False),
        "Latent (bicubic antialiased)": ("bicubic", True),
        "Latent (nearest)": ("nearest", False),
        "Latent (nearest-exact)": ("nearest-exact", False),
    }
)
"""A1111's name → mode and antialiasing of torch's `interpolate`; these need no VAE in between."""

OF_IMAGES: Mapping[str, Image.Resampling] = MappingProxyType(
    {"Lanczos": Image.Resampling.LANCZOS, "Nearest": Image.Resampling.NEAREST}
)
"""A1111's name → resampling of decoded pictures."""

UPSCALERS = (*OF_LATENTS, *OF_IMAGES)


def upscaler_named(name: str) -> str:
    """A1111's name of an upscaler; ``latent-nearest`` is "Latent (nearest)" too.

    Raises:
        DbsweepError: there is none of that name.
    """
    names = {_plain(known): known for known in UPSCALERS}
    if (found := names.get(_plain(name))) is not None:
        return found
    meant = closest(_plain(name), names)
    hint = "" if meant is None else f"; did you mean {names[meant]!r}?"
    raise DbsweepError(f"unknown hires upscaler {name!r}{hint} (known: {', '.join(UPSCALERS)})")


def _plain(name: str) -> str:
    return name.lower().replace("(", "").replace(")", "").replace(" ", "-")
