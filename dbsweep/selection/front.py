"""The Pareto front: candidates that no other one beats in everything."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dbsweep.selection.resampling import Floats


def pareto_front(values: Floats) -> npt.NDArray[np.bool_]:
    """Whether no other row is at least as good in every column and better in one.

    Args:
        values: (n, metrics) float64, larger is better. Rows with NaN are not on the front and beat nobody.

    Returns:
        (n,) bool; equal rows are on the front together.
    """
    rows, columns = values[:, None, :], values[None, :, :]
    complete = np.isfinite(values.sum(axis=1))
    beats = np.all(rows >= columns, axis=2) & np.any(rows > columns, axis=2) & complete[:, None]
    beaten = np.any(beats, axis=0)
    return np.asarray(complete & ~beaten, dtype=np.bool_)
