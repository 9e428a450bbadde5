"""The score that samples make, of which some may be missing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dbsweep.records.results import Score
from dbsweep.selection.resampling import Floats, mean_interval

MAX_MISSING = 0.25
"""Share of images that may show nothing; with more, a metric is NaN. One flat image of four can be an overflow in the
autoencoder; two are a broken model."""


def score_of(samples: Floats, measurable: npt.NDArray[np.bool_]) -> Score:
    """Mean and interval of the samples; NaN where too many are missing.

    Args:
        samples: (n,) float64, NaN where an image shows nothing.
        measurable: (n,) whether the base model's own images of the same prompt can be measured; others do not count.
    """
    counted = samples[measurable & np.isfinite(samples)]
    if len(counted) < max((1.0 - MAX_MISSING) * measurable.sum(), 1.0):
        return Score(value=float("nan"), low=float("nan"), high=float("nan"), samples=tuple(samples.tolist()))
    low, high = mean_interval(counted)
    return Score(value=float(counted.mean()), low=low, high=high, samples=tuple(samples.tolist()))
