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
    on_front = np.zeros(len(values), dtype=np.bool_)
    (complete,) = np.nonzero(np.isfinite(values.sum(axis=1)))
    front, size = np.empty_like(values), 0
    # Best first by the columns in turn: a row comes after all that beat it, and what is beaten is beaten by the front.
    for index in complete[np.lexsort(-values[complete].T[::-1])]:
        row, ahead = values[index], front[:size]
        if not np.any(np.all(ahead >= row, axis=1) & np.any(ahead > row, axis=1)):
            front[size], size = row, size + 1
            on_front[index] = True
    return on_front
