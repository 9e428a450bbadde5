"""How often the verdict errs, on made-up trainings whose truth is known: `python -m benchmarks.verdict [--json]`.

Keys: `false_alarms`, the share of trainings in which nothing changes and yet some look cries overtrained (wanted: at
most 0.05); `chance_alarms`, the same if every fall mattered, however small, and no identity paid for it; `coverage`, of
95% intervals of a mean, by number of samples and kind of scatter (wanted: 0.93 to 0.97); `power`, the share of
trainings whose style falls for good below what is enough, in which this is seen within two looks; `prior_power`, the
same of prior that is so low from the first look on, with the base model alone to compare it with.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.verdict_curves import WOBBLES, Level, draw_cards
from dbsweep.selection.overtraining import raises_alarm
from dbsweep.selection.resampling import mean_intervals, resampling_weights
from dbsweep.selection.verdict_settings import VerdictSettings

UNCHANGED: Final[dict[str, tuple[Level, float]]] = {
    "learned": ((0.8, 0.6, 0.9), 0.15),
    "nothing learnt": ((0.0, 1.0, 1.0), 0.15),
    "just enough": ((-1.0, 0.7, 0.5), 0.5),
}
"""Level and scatter. The last is the hardest: style and prior just at what is enough, without identity to pay for
anything, and scatter that makes falls large."""
LEARNING: Final[list[Level]] = [(0.3, 0.97, 0.97), (0.6, 0.9, 0.95), (0.8, 0.85, 0.92)]
SETTINGS: Final = VerdictSettings(resamples=2000)
EVERY_FALL: Final = VerdictSettings(resamples=2000, drop=0.001, enough_style=1.0, enough_prior=1.0, identity_gain=1.0)


def false_alarms(level: Level, wobble: str, *, looks: int, planned: int, scatter: float, trainings: int) -> float:
    """Share of trainings that stay at a level in which some look raises the alarm (4 seeds, 2 sanity prompts)."""
    settings, rng = SETTINGS.for_looks(planned), np.random.default_rng(1)
    hits = 0
    for _ in range(trainings):
        cards = draw_cards([level] * looks, seeds=4, prompts=2, scatter=scatter, wobble=WOBBLES[wobble], rng=rng)
        hits += any(raises_alarm(cards[: look + 1], settings) for look in range(1, looks + 1))
    return hits / trainings


def chance_alarms(wobble: str, *, looks: int, trainings: int) -> float:
    """Share of trainings that stay as they are in which some look is taken to be below an earlier one.

    No fall is too small and no identity pays for one, so that the correction for chance stands alone. The first
    checkpoint stands in for the base model's, which it is compared with: 4 seeds, 2 sanity prompts, scatter 0.15.
    """
    settings, rng = EVERY_FALL.for_looks(looks), np.random.default_rng(3)
    hits = 0
    for _ in range(trainings):
        levels = [(0.8, 0.5, 0.5)] * (looks + 1)
        _, *cards = draw_cards(levels, seeds=4, prompts=2, scatter=0.15, wobble=WOBBLES[wobble], rng=rng)
        hits += any(raises_alarm(cards[: look + 1], settings) for look in range(1, looks + 1))
    return hits / trainings


def power(drop: float, *, seeds: int, prompts: int, scatter: float, trainings: int) -> float:
    """Share of trainings in which a lasting fall of style, so far below what is enough, is seen within two looks."""
    settings, rng = SETTINGS.for_looks(10), np.random.default_rng(2)
    levels = [*LEARNING, *[(0.82, settings.enough_style - drop, 0.92)] * 2]
    hits = 0
    for _ in range(trainings):
        cards = draw_cards(
            levels, seeds=seeds, prompts=prompts, scatter=scatter, wobble=WOBBLES["independent"], rng=rng
        )
        hits += any(raises_alarm(cards[: look + 1], settings) for look in (4, 5))
    return hits / trainings


def prior_power(drop: float, *, seeds: int, scatter: float, trainings: int) -> float:
    """Share of trainings whose prior is so far below what is enough from the first look on, seen within two looks."""
    settings, rng = SETTINGS.for_looks(10), np.random.default_rng(4)
    levels = [(0.05, 0.92, settings.enough_prior - drop)] * 2
    hits = 0
    for _ in range(trainings):
        cards = draw_cards(levels, seeds=seeds, prompts=2, scatter=scatter, wobble=WOBBLES["independent"], rng=rng)
        hits += any(raises_alarm(cards[: look + 1], settings) for look in (1, 2))
    return hits / trainings


def coverage(samples: int, wobble: str, *, trials: int, draws: int = 1000) -> float:
    """Share of 95% intervals of paired differences that hold the true mean, 0.

    The difference is of a checkpoint whose samples scatter independently in this way, and one that scatters half as
    widely, so that the skew does not cancel.
    """
    rng = np.random.default_rng(samples)
    wide, narrow = (WOBBLES[wobble](rng, (1, trials * samples)).reshape(trials, samples) for _ in range(2))
    low, high = mean_intervals(wide - 0.5 * narrow, resampling_weights(samples, draws))
    return float(((low <= 0.0) & (high >= 0.0)).mean())


def measure(trainings: int, looks: Sequence[int]) -> dict[str, dict[str, float]]:
    """All figures, by key and case."""
    alarms = {
        f"{name}, {wobble}, {count} looks, {planned} planned, scatter {scatter}": false_alarms(
            level, wobble, looks=count, planned=planned, scatter=scatter, trainings=trainings
        )
        for name, (level, scatter) in UNCHANGED.items()
        for wobble in WOBBLES
        for count in looks
        for planned in sorted({count, 10})
    }
    by_chance = {
        f"{wobble}, {count} looks": chance_alarms(wobble, looks=count, trainings=trainings)
        for wobble in WOBBLES
        for count in looks
    }
    covered = {
        f"{wobble}, {samples} samples": coverage(samples, wobble, trials=2000)
        for wobble in ("independent", "heavy", "skewed")
        for samples in (4, 8, 16, 40)
    }
    seen = {
        f"drop {drop}, {seeds * prompts} samples, scatter {scatter}": power(
            drop, seeds=seeds, prompts=prompts, scatter=scatter, trainings=trainings
        )
        for drop in (0.15, 0.2, 0.3, 0.4)
        for seeds, prompts in ((4, 2), (8, 2), (10, 4))
        for scatter in (0.1, 0.15)
    }
    prior_seen = {
        f"drop {drop}, {seeds} samples, scatter {scatter}": prior_power(
            drop, seeds=seeds, scatter=scatter, trainings=trainings
        )
        for drop in (0.3, 0.4, 0.5)
        for seeds in (4, 8)
        for scatter in (0.15, 0.3)
    }
    rates = {"false_alarms": alarms, "chance_alarms": by_chance}
    return {**rates, "coverage": covered, "power": seen, "prior_power": prior_seen}


def _judged(result: dict[str, dict[str, float]]) -> dict[str, object]:
    """The goals, and the cases that miss them."""
    missed = [case for case, share in result["coverage"].items() if not 0.93 <= share <= 0.97]
    alarmed = [
        f"{key}: {case}"
        for key in ("false_alarms", "chance_alarms")
        for case, share in result[key].items()
        if share > 0.05
    ]
    goals = {"false_alarms": "<= 0.05", "chance_alarms": "<= 0.05", "coverage": "0.93 to 0.97"}
    return {"goals": goals, "missed": [*alarmed, *missed]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate and print; 0 if false alarms and coverage are as wanted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdict", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    parser.add_argument("--trainings", type=int, default=400, help="simulated trainings a case")
    parser.add_argument("--looks", type=int, nargs="+", default=[3, 10, 30], help="checkpoints a training")
    parser.add_argument("--out", type=Path, help="folder for the result")
    options = parser.parse_args(arguments)
    result = measure(options.trainings, options.looks)
    looks = " ".join(str(count) for count in options.looks)
    command = f"python -m benchmarks.verdict --trainings {options.trainings} --looks {looks} --out benchmarks/results"
    text = json.dumps({"command": command, "trainings": options.trainings, **result, **_judged(result)}, indent=1)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "verdict.json").write_text(text + "\n", encoding="utf-8")
    if options.json:
        print(text)
    else:
        for key, cases in result.items():
            print(key, *(f"  {share:6.1%}  {case}" for case, share in cases.items()), sep="\n")
    return 1 if _judged(result)["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
