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
    as_good = np.greater_equal(rows, columns).all(axis=2)
    better = np.greater(rows, columns).any(axis=2)
    complete = np.isfinite(values).all(axis=1)
    beaten = (as_good & better & complete[:, None]).any(axis=0)
    return np.asarray(complete & ~beaten, dtype=np.bool_)
