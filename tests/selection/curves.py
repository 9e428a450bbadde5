"""Scorecards made from known curves, with or without noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from dbsweep.records.names import BASE, Metric
from dbsweep.records.results import Score, Scorecard

NAN = math.nan

Level = tuple[float, float, float]
"""True identity, style and prior of one checkpoint."""

COUNTS = {Metric.IDENTITY: 4, Metric.STYLE: 8, Metric.PRIOR: 4}
"""Samples of one concept with two sanity prompts and four seeds."""


def card(name: str, samples: Mapping[Metric, npt.ArrayLike]) -> Scorecard:
    scores = {}
    for metric, values in samples.items():
        row = np.asarray(values, dtype=np.float64)
        mean = float(row.mean())
        scores[metric] = Score(value=mean, low=mean, high=mean, samples=tuple(row.tolist()))
    return Scorecard(checkpoint=name, scores=scores, images=())


def flat_card(name: str, identity: float, style: float, prior: float) -> Scorecard:
    """Every sample of a metric is its mean."""
    levels = zip(COUNTS, (identity, style, prior), strict=True)
    return card(name, {metric: np.full(COUNTS[metric], level) for metric, level in levels})


def base_card() -> Scorecard:
    return flat_card(BASE, 0.0, 1.0, 1.0)


def noisy_cards(levels: Sequence[Level], *, scatter: float, seed: int, step: int = 100) -> list[tuple[int, Scorecard]]:
    """Cards at steps 100, 200, … whose samples scatter around their level; prompts and seeds keep an offset of 0.1."""
    rng = np.random.default_rng(seed)
    offsets = {metric: rng.normal(0.0, 0.1, count) for metric, count in COUNTS.items()}
    cards = []
    for index, level in enumerate(levels):
        means = dict(zip(COUNTS, level, strict=True))
        rows = {m: means[m] + offsets[m] + rng.normal(0.0, scatter, count) for m, count in COUNTS.items()}
        cards.append((step * (index + 1), card(f"c{index}", rows)))
    return cards


def steps(*levels: Level) -> list[tuple[int, Scorecard]]:
    return [(120 * (i + 1), flat_card(f"c{i}", *level)) for i, level in enumerate(levels)]
