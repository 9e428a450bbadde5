"""Whether images still look like images: their saturation and sharpness, against the base model's and the photos'."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Features: TypeAlias = npt.NDArray[np.float64]
"""(n, 2): saturation and sharpness, see `image_features`."""

SOFTENING = 0.02
"""Added to features before they are divided, so that a grey or smooth reference does not make every image a ruin."""


def image_features(images: Sequence[npt.NDArray[np.uint8]]) -> Features:
    """Saturation and sharpness of each image.

    Saturation is the mean over pixels of max(r, g, b) - min(r, g, b) as a share of 255: 0 for grey. Sharpness is the
    standard deviation of the 4-neighbour Laplacian of the mean of the channels over that of the mean itself: near 0 for
    blur, √20 = 4.47 for white noise of any strength, 0 for one flat colour. The numerator is the root of LAPV (Pertuz
    et al. 2013, "Analysis of focus measure operators for shape-from-focus", section 2); the denominator takes the
    contrast out.

    Args:
        images: each (h, w, 3) uint8 sRGB with h and w at least 3; compare only those of one size.

    Returns:
        (n, 2) float64: saturation in [0, 1], sharpness at least 0.
    """
    return np.array([_features(image) for image in images], dtype=np.float64).reshape(len(images), 2)


def _features(image: npt.NDArray[np.uint8]) -> tuple[float, float]:
    values = image.astype(np.float64) / 255.0
    grey = values.mean(axis=2)
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4.0 * inner
    saturation = float((values.max(axis=2) - values.min(axis=2)).mean())
    contrast = float(grey.std())
    return saturation, float(laplacian.std()) / contrast if contrast > 0.0 else 0.0


def image_quality(features: npt.NDArray[np.floating], base: Features, photos: Features) -> npt.NDArray[np.float64]:
    """How far each image's worst feature is outside what the base model and the photos show, as a ratio.

    1 where saturation and sharpness are both between the least and the most of the base model's images of the same
    prompt and the photos; else the ratio of the nearer bound to the value, or of the value to it, whichever is below 1.
    In (0, 1], larger is better. Noise, burnt colours and blur all fall; what they have in common is that the images no
    longer look like either. A plain ratio of our own: no published score works on drawings as on photos.

    Args:
        features, base, photos: (n, 2), (n_base, 2), (n_photos, 2) from `image_features`; rows of NaN in `features`
            stay NaN.
    """
    known = np.concatenate([base, photos])
    low, high = known.min(axis=0) + SOFTENING, known.max(axis=0) + SOFTENING
    values = features + SOFTENING
    return np.asarray(np.minimum(np.minimum(values / low, high / values), 1.0).min(axis=1), dtype=np.float64)
