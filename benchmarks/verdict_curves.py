"""Made-up trainings with known truth: paired score curves whose samples scatter in the ways that real ones do.

The scatter of a checkpoint has two parts, as in real scorecards. Each prompt and seed has its own offset, the same at
every checkpoint (it cancels in paired differences), and its own wobble from one checkpoint to the next (it does not).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from dbsweep.records.names import BASE, Metric
from dbsweep.records.results import Score, Scorecard

Floats: TypeAlias = npt.NDArray[np.float64]
Level: TypeAlias = tuple[float, float, float]
"""True identity, style and prior of one checkpoint."""
Wobble: TypeAlias = Callable[[np.random.Generator, tuple[int, int]], Floats]
"""(checkpoints, samples) of mean 0 and standard deviation 1."""

OFFSET: Final = 0.1
"""Standard deviation of the offsets of prompts and seeds."""


def independent(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Normal, anew at every checkpoint."""
    return rng.normal(size=shape)


def drifting(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Normal with a correlation of 0.7 from one checkpoint to the next, as of images that change slowly."""
    rows = rng.normal(size=shape)
    for before, after in pairwise(rows):
        after *= np.sqrt(1.0 - 0.7**2)
        after += 0.7 * before
    return rows


def heavy(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Student's t with 4 degrees of freedom (variance 2): now and then an image fails."""
    return np.asarray(rng.standard_t(4, size=shape) / np.sqrt(2.0), dtype=np.float64)


def skewed(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """A negated exponential: most images are fine, some are far worse."""
    return 1.0 - rng.exponential(size=shape)


def lucky(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """An exponential: most images are alike, some are far better."""
    return rng.exponential(size=shape) - 1.0


WOBBLES: Final[dict[str, Wobble]] = {
    "independent": independent,
    "drifting": drifting,
    "heavy": heavy,
    "skewed": skewed,
    "lucky": lucky,
}


def draw_cards(
    levels: Sequence[Level], *, seeds: int, prompts: int, scatter: float, wobble: Wobble, rng: np.random.Generator
) -> list[Scorecard]:
    """The base model's card and one a level.

    Args:
        levels: of the checkpoints, by rising step.
        seeds: images a prompt: samples of identity and of prior.
        prompts: sanity prompts; style has `seeds` * `prompts` samples.
        scatter: standard deviation of the wobble.
        wobble: how it is drawn.
        rng: source of chance.
    """
    curves = np.array([(0.0, 1.0, 1.0), *levels])
    counts = {Metric.IDENTITY: seeds, Metric.STYLE: seeds * prompts, Metric.PRIOR: seeds}
    samples = {}
    for column, (metric, count) in enumerate(counts.items()):
        rows = scatter * wobble(rng, (len(curves), count)) + rng.normal(0.0, OFFSET, count)
        rows[0] -= rows[0].mean()  # the base model scores exactly 0, 1 and 1: the scales are made from it
        if metric is Metric.PRIOR:
            rows[0] = 0.0  # and this 1 in every image, which is measured against itself
        samples[metric] = rows + curves[:, column, None]
    names = [BASE, *(f"c{index}" for index in range(len(levels)))]
    return [_card(name, {m: rows[i] for m, rows in samples.items()}) for i, name in enumerate(names)]


def _card(name: str, rows: dict[Metric, Floats]) -> Scorecard:
    scores = {}
    for metric, row in rows.items():
        mean = float(row.mean())
        scores[metric] = Score(value=mean, low=mean, high=mean, samples=tuple(row.tolist()))
    return Scorecard(checkpoint=name, scores=scores, images=())
