"""Scoring that draws more images only for checkpoints that can still win: `python -m benchmarks.scoring [--json]`.

Against scoring every checkpoint by the DreamBooth protocol, 25 prompts × 4 images × 50 steps (Ruiz et al. 2022, section
4.1), on MiniSD sweeps of twelve checkpoints (`benchmarks.scoring_sweeps`). Adaptive scoring draws the same 25 prompts
from the same seeds in 15 steps: a first look at every checkpoint with two images a prompt, then a race with four for
those that can still win (`dbsweep.selection.race`). Both ways look at every checkpoint, where a sweep would pass over
every second of so many (`evaluate.look_every`): this is about images, `benchmarks.selection` about looks. Both choose
by `dbsweep.selection.choice`. Cost is counted in UNet evaluations, the untrained model's references included on both
sides.

Without `--subjects` the tables of `benchmarks/data/scoring_tables.json.gz` are read, in seconds. With it, sweeps that
are missing in `--cache` are trained and drawn, eight to fifteen minutes of one core each, from where they were
interrupted; `--pieces` bounds how much is done, and several processes may share a cache. `--tables` writes the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.stats import kendalltau

from benchmarks.scoring_table import DATA, UTILITY, CheckpointTable, SweepTable, read_tables, write_tables
from dbsweep.config.evaluate import Evaluate, Race
from dbsweep.records.choice import Choice
from dbsweep.records.results import Scorecard
from dbsweep.selection.choice import choose
from dbsweep.selection.race import contenders
from dbsweep.selection.smoothing import Row
from dbsweep.sweep.racing import race_settings

PROMPTS: Final = 25
WANTED: Final = {"evaluations_ratio": 4.0, "same_choice": 0.95}
EVALUATE: Final = Evaluate(images_per_prompt=2, num_inference_steps=15, race=Race(images_per_prompt=4))
"""The settings of adaptive scoring."""


@dataclass(frozen=True)
class Outcome:
    """One sweep, scored both ways.

    Attributes:
        chosen, protocol_chosen: ids of the checkpoints.
        regret: the protocol's utility of its own choice minus that of ours, by the protocol's scorecards.
        evaluations, protocol_evaluations: of the UNet.
        racing: checkpoints in the race.
        rank_agreement: Kendall's τ of utilities in few steps and in the protocol's, over the checkpoints drawn in both.
        largest_shift: largest change of a utility, less the mean change, between the two numbers of steps.
    """

    chosen: str
    protocol_chosen: str
    regret: float
    evaluations: int
    protocol_evaluations: int
    racing: int
    rank_agreement: float
    largest_shift: float


def adaptive(sweep: SweepTable, evaluate: Evaluate = EVALUATE) -> tuple[Choice, int, int]:
    """The choice of adaptive scoring, the UNet evaluations that it took, and how many raced.

    The rounds are those of `dbsweep.sweep.racing`, on scorecards that have been made before.
    """
    utility, settings = UTILITY, race_settings(evaluate)
    seen = {point.id: evaluate.images_per_prompt for point in sweep.checkpoints}
    images = len(seen) * evaluate.images_per_prompt + evaluate.levels[-1]  # references with all seeds
    raced, racing, finalists = 0, frozenset(seen), None
    for level in evaluate.levels[1:]:
        racing = frozenset(contenders(_rows(sweep, seen), utility, settings, racing=racing))
        if not racing:
            break
        images += sum(level - seen[name] for name in racing)
        seen |= dict.fromkeys(racing, level)
        raced, finalists = max(raced, len(racing)), racing
    choice = choose(_rows(sweep, seen), utility=utility, finalists=finalists)
    return choice, images * PROMPTS * sweep.evaluations_per_image, raced


def _rows(sweep: SweepTable, seen: Mapping[str, int]) -> list[Row]:
    """The candidates, with so many images a prompt of each."""
    return [(p.trial, p.checkpoint, p.cards[seen[p.id]].card(p.id)) for p in sweep.checkpoints]


def by_protocol(sweep: SweepTable) -> Choice:
    """The choice among the protocol's scorecards."""
    rows = [(p.trial, p.checkpoint, card) for p in sweep.checkpoints if (card := _protocol(p)) is not None]
    return choose(rows, utility=UTILITY)


def _protocol(point: CheckpointTable) -> Scorecard | None:
    return point.protocol.card(point.id) if point.protocol is not None else None


def compare(sweep: SweepTable, evaluate: Evaluate = EVALUATE) -> Outcome:
    """One sweep both ways."""
    choice, evaluations, raced = adaptive(sweep, evaluate)
    theirs = by_protocol(sweep)
    utilities = {row.checkpoint: row.utility for row in theirs.candidates}
    few = {p.id: UTILITY.value_of(p.cards[evaluate.levels[-1]].card(p.id)) for p in sweep.checkpoints}
    pairs = np.array([(few[key], value) for key, value in utilities.items()])
    shifts = pairs[:, 0] - pairs[:, 1]
    images = (len(sweep.checkpoints) + 1) * PROMPTS * evaluate.levels[-1]
    return Outcome(
        chosen=choice.best.checkpoint,
        protocol_chosen=theirs.best.checkpoint,
        regret=theirs.best.utility - utilities.get(choice.best.checkpoint, 0.0),
        evaluations=evaluations,
        protocol_evaluations=images * sweep.protocol_evaluations_per_image,
        racing=raced,
        rank_agreement=float(kendalltau(pairs[:, 0], pairs[:, 1]).statistic) if len(pairs) > 1 else float("nan"),
        largest_shift=float(np.abs(shifts - shifts.mean()).max()),
    )


def measure(sweeps: Sequence[SweepTable]) -> dict[str, Any]:
    """What is reported of all sweeps."""
    found = [compare(sweep) for sweep in sweeps]
    agreement = [each.rank_agreement for each in found if not np.isnan(each.rank_agreement)]
    return {
        "evaluations_ratio": round(
            sum(each.protocol_evaluations for each in found) / sum(each.evaluations for each in found), 3
        ),
        "same_choice": round(sum(each.chosen == each.protocol_chosen for each in found) / len(found), 4),
        "sweeps": len(found),
        "checkpoints": sum(len(sweep.checkpoints) for sweep in sweeps),
        "mean_regret": round(float(np.mean([each.regret for each in found])), 4),
        "worst_regret": round(max(each.regret for each in found), 4),
        "raced_a_sweep": round(float(np.mean([each.racing for each in found])), 2),
        "rank_agreement_15_50_steps": round(float(np.mean(agreement)), 4) if agreement else None,
        "largest_shift_15_50_steps": round(max(each.largest_shift for each in found), 4),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 if both goals are met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    parser.add_argument("--subjects", help="A-B: subjects whose sweeps are trained and drawn where they are missing")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache/scoring"), help="where sweeps are kept")
    parser.add_argument("--pieces", type=int, help="most pieces of work that are done, each a few minutes at most")
    parser.add_argument("--tables", type=Path, help="file to write the tables of the sweeps to")
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    options = parser.parse_args(arguments)
    if options.subjects is None and not DATA.is_file():
        print(f"there are no tables yet: make them with --subjects 300-319 --tables {DATA}", file=sys.stderr)
        return 2
    sweeps = read_tables(DATA) if options.subjects is None else _made(options)
    if not sweeps:
        print("no sweep is whole yet: give more --pieces", file=sys.stderr)
        return 2
    if options.tables is not None:
        write_tables(sweeps, options.tables)
    result = measure(sweeps)
    text = json.dumps(result)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    if options.json:
        print(text)
    else:
        for key, value in result.items():
            wanted = f"   (wanted: at least {WANTED[key]})" if key in WANTED else ""
            print(f"{key:28} {value}{wanted}")
    return 0 if all(result[key] >= wanted for key, wanted in WANTED.items()) else 1


def _made(options: argparse.Namespace) -> list[SweepTable]:
    from benchmarks.scoring_sweeps import open_sweeps  # loads torch and the models

    first, _, last = options.subjects.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    options.cache.mkdir(parents=True, exist_ok=True)
    return open_sweeps(seeds, options.cache, options.pieces, lambda line: print(line, file=sys.stderr, flush=True))


if __name__ == "__main__":
    sys.exit(main())
