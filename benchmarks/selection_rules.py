"""What less training costs, on made-up sweeps whose truth is known: `python -m benchmarks.selection_rules [--json]`.

`benchmarks.selection` has few subjects, and a rule that is chosen by them is tuned to them. Here are as many sweeps as
one likes: three trainings of eight checkpoints, from too gentle to too hard, in which identity rises, style and prior
give way at moments of chance, and samples scatter as those of MiniSD's development subjects do (`SCATTER`). Each rule
chooses on the same scorecards, of few images a prompt and of more; what it is judged by is the true utility.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.selection_methods import Floats
from dbsweep.records.names import Metric
from dbsweep.records.results import Checkpoint, Score, Scorecard
from dbsweep.selection.choice import best_of
from dbsweep.selection.pick import ChoiceSettings
from dbsweep.selection.resampling import mean_interval
from dbsweep.selection.smoothing import Row
from dbsweep.selection.utility import JUDGED, Utility

SCATTER: Final = {Metric.IDENTITY: (0.15, 0.3), Metric.STYLE: (0.08, 0.2), Metric.PRIOR: (0.15, 0.6)}
"""Standard deviation of a sample beyond checkpoint and seed; the range over the trainings of subjects 100 and 101."""
OFFSET: Final = 0.1
"""Of a seed, shared by all checkpoints."""
PROMPTS: Final = {Metric.IDENTITY: 1, Metric.STYLE: 2, Metric.PRIOR: 1}
"""Samples of one seed."""
CHECKPOINTS, RATES = 8, (1 / 3, 1.0, 3.0)
IMAGES: Final = (4, 16, 64)
RULES: Final = {
    "best_score": ChoiceSettings(standard_errors=0.0, resamples=1000),
    "one_standard_error": ChoiceSettings(tolerance=1.0, resamples=1000),
    "dbsweep": ChoiceSettings(resamples=1000),
}


@dataclass(frozen=True, eq=False)
class MadeUpSweep:
    """A sweep and the truth about it.

    Attributes:
        samples: of each metric, (checkpoints, images, prompts), the trainings one after the other.
        truth: (checkpoints,) utility without any scatter.
    """

    samples: dict[Metric, Floats]
    truth: Floats

    def candidates(self, images: int) -> list[Row]:
        """The scorecards of so many images a prompt; more begin with the samples of fewer."""
        return [_row(place, {m: s[place, :images].ravel() for m, s in self.samples.items()}) for place in self.places]

    @property
    def places(self) -> range:
        """Of the checkpoints."""
        return range(len(self.truth))


def _row(place: int, samples: dict[Metric, Floats]) -> Row:
    training, step = place // CHECKPOINTS, place % CHECKPOINTS + 1
    name = f"b{training}-{step}"
    point = Checkpoint(id=name, branch=f"b{training}", step=step, epoch=step, path="", sha256="", bytes=0)
    means = {metric: float(row.mean()) for metric, row in samples.items()}
    scores = {m: Score(value=means[m], low=means[m], high=means[m], samples=tuple(samples[m])) for m in samples}
    return f"t{training}", point, Scorecard(checkpoint=name, scores=scores, images=())


def made_up_sweep(seed: int) -> MadeUpSweep:
    """One sweep; the same seed gives the same."""
    rng = np.random.default_rng(seed)
    reach, bend = rng.uniform(0.7, 1.0), rng.uniform(0.3, 1.6)
    times = np.arange(1, CHECKPOINTS + 1) / CHECKPOINTS
    levels: dict[Metric, list[Floats]] = {metric: [] for metric in JUDGED}
    for rate in RATES:
        trained = rate * times
        levels[Metric.IDENTITY].append(reach * (1.0 - np.exp(-trained / rng.uniform(0.2, 0.5))))
        levels[Metric.STYLE].append(1.0 - 0.9 * _gone(trained, bend, 0.25 * bend))
        levels[Metric.PRIOR].append(1.0 - 0.8 * _gone(trained, bend * rng.uniform(0.8, 1.5), 0.3 * bend))
    means = {metric: np.concatenate(rows) for metric, rows in levels.items()}
    samples = {}
    for metric, mean in means.items():
        shape = (max(IMAGES), PROMPTS[metric])
        scatter = rng.normal(0.0, rng.uniform(*SCATTER[metric]), (len(mean), *shape))
        samples[metric] = mean[:, None, None] + rng.normal(0.0, OFFSET, shape) + scatter
    places = range(len(RATES) * CHECKPOINTS)
    truth = [Utility().value({metric: float(mean[place]) for metric, mean in means.items()}) for place in places]
    return MadeUpSweep(samples, np.array(truth))


def _gone(trained: Floats, bend: float, width: float) -> Floats:
    """From 0 to 1, one half at the bend."""
    return np.asarray(1.0 / (1.0 + np.exp(-(trained - bend) / width)), dtype=np.float64)


def measure(sweeps: Sequence[MadeUpSweep]) -> dict[str, Any]:
    """For each number of images and each rule: mean regret with its interval, mean step, 1 to 8, and what a move from
    the best score to an earlier checkpoint costs on average."""
    return {str(images): _compare(sweeps, images) for images in IMAGES}


def _compare(sweeps: Sequence[MadeUpSweep], images: int) -> dict[str, Any]:
    taken = {
        name: np.array([_place(sweep.candidates(images), settings) for sweep in sweeps])
        for name, settings in RULES.items()
    }
    worth = {
        name: np.array([s.truth[p] for s, p in zip(sweeps, places, strict=True)]) for name, places in taken.items()
    }
    best = np.array([sweep.truth.max() for sweep in sweeps])
    rows = {}
    for name, places in taken.items():
        moved = places != taken["best_score"]
        cost = (worth["best_score"] - worth[name])[moved]
        rows[name] = {
            "regret": round(float((best - worth[name]).mean()), 4),
            "regret_interval": [round(end, 4) for end in mean_interval(best - worth[name])],
            "step": round(float((places % CHECKPOINTS + 1).mean()), 2),
            "moved": round(float(moved.mean()), 4),
            "cost_of_a_move": round(float(cost.mean()), 4) if len(cost) else 0.0,
        }
    return rows


def _place(candidates: Sequence[Row], settings: ChoiceSettings) -> int:
    best = best_of(candidates, settings=settings).checkpoint
    return [checkpoint.id for _, checkpoint, _ in candidates].index(best)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selection_rules", description=__doc__)
    parser.add_argument("--sweeps", type=int, default=300, help="how many (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    options = parser.parse_args(arguments)
    result = {"sweeps": options.sweeps, **measure([made_up_sweep(seed) for seed in range(options.sweeps)])}
    text = json.dumps(result, indent=1)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text if options.json else _table(result))
    return 0


def _table(result: dict[str, Any]) -> str:
    lines = [f"{'images a prompt':16}{'rule':20}{'regret':>8}{'step':>6}{'moved':>7}{'cost of a move':>16}"]
    for images in map(str, IMAGES):
        for name, row in result[images].items():
            numbers = f"{row['regret']:8.4f}{row['step']:6.2f}{row['moved']:7.2f}{row['cost_of_a_move']:16.4f}"
            lines.append(f"{images:16}{name:20}{numbers}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
