"""What neighbouring checkpoints of one training tell about each other's scores.

Few images tell a score only roughly, and weights change little from one checkpoint to the next. So the jumps of a score
along a training are partly its change and partly chance, and the scatter of the paired samples says how much is chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final, TypeAlias

import numpy as np

from dbsweep.records.names import Metric
from dbsweep.records.results import Checkpoint, Score, Scorecard
from dbsweep.selection.resampling import Floats
from dbsweep.selection.utility import JUDGED

MAX_PULL: Final = 1.0
"""The most that the difference of neighbours counts against the distance to what was measured. With 1 a checkpoint
between two others keeps 45% of its own value and takes 17% to 21% of each neighbour's."""
FEWEST: Final = 3
"""Checkpoints in a row below which there is nothing to tell change from chance by."""

Row: TypeAlias = tuple[str, Checkpoint, Scorecard]
"""(trial id, checkpoint, its scorecard)."""


def smoothed(candidates: Sequence[Row]) -> list[Row]:
    """The candidates with identity, style and prior as their neighbours in training say too, in the same order.

    Each sample's curve along a branch is smoothed alike, so samples stay paired and what a bootstrap makes of them has
    the smaller scatter. Neighbours are the checkpoints of one branch by step, as far as they have equally many samples.
    Samples that are NaN in all of them are of a prompt that cannot be measured and stay so; a metric with a sample that
    is NaN in some of them is left as it is.
    """
    by_branch = sorted(range(len(candidates)), key=lambda i: (candidates[i][1].branch, candidates[i][1].step))
    found = list(candidates)
    for metric in JUDGED:
        places = [place for place in by_branch if metric in candidates[place][2].scores]
        for _, run in groupby(places, key=lambda i: (found[i][1].branch, len(found[i][2].scores[metric].samples))):
            _smooth_run(found, list(run), metric)
    return found


def choosable(candidates: Sequence[Row]) -> list[Row]:
    """The candidates whose weights are kept, smoothed with all their neighbours."""
    return [row for row in smoothed(candidates) if row[1].kept]


def _smooth_run(rows: list[Row], run: Sequence[int], metric: Metric) -> None:
    samples = np.array([rows[place][2].scores[metric].samples for place in run], dtype=np.float64)
    measured = ~np.isnan(samples).all(axis=0)
    known = samples[:, measured]
    if len(run) < FEWEST or known.shape[1] < 2 or not np.isfinite(known).all():
        return
    samples[:, measured] = smoother(known) @ known
    for place, curve in zip(run, samples, strict=True):
        trial, checkpoint, card = rows[place]
        old = card.scores[metric]
        shift = float(curve[measured].mean()) - old.value
        score = Score(
            value=old.value + shift, low=old.low + shift, high=old.high + shift, samples=tuple(curve.tolist())
        )
        rows[place] = (trial, checkpoint, card.model_copy(update={"scores": {**card.scores, metric: score}}))


def smoother(samples: Floats) -> Floats:
    """The matrix that takes values along a training to their smoothed ones: (I + λ DᵀD)⁻¹, D the first differences.

    Whittaker 1923 ("On a new method of graduation"), which is also the best linear estimate where scores walk at random
    between checkpoints: λ is then the variance v of a measured mean over that of a step of the walk. v is estimated by
    the interaction of checkpoints and seeds (what is left of the samples after the means of rows and columns, over the
    number of samples), the step by the moments of the differences, E(Δ²) = step + 2v. Without scatter λ is 0: nothing
    is smoothed. λ is at most `MAX_PULL`, because a few checkpoints tell the step only roughly.

    Args:
        samples: (n, m) of n checkpoints by rising step, m paired samples each.

    Returns:
        (n, n) float64; rows sum to 1.
    """
    n, m = samples.shape
    means = samples.mean(axis=1)
    left = samples - means[:, None] - samples.mean(axis=0) + samples.mean()
    noise = float((left**2).sum()) / ((n - 1) * (m - 1)) / m
    step = float((np.diff(means) ** 2).mean()) - 2.0 * noise
    pull = min(noise / step, MAX_PULL) if step > 0.0 else MAX_PULL * float(noise > 0.0)
    differences = np.diff(np.eye(n), axis=0)
    return np.asarray(np.linalg.inv(np.eye(n) + pull * differences.T @ differences), dtype=np.float64)
