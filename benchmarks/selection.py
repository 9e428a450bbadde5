"""Which checkpoint is best, proven on known truth: `python -m benchmarks.selection --subjects A-B [--json]`.

For each MiniSD subject a sweep from under- to overtraining is trained and scored by the product, and judged by the
oracle: another network, other prompts, other seeds (`benchmarks.selection_judge`). Ours and the rivals' ways of
choosing (`benchmarks.selection_methods`), of seeing overtraining (`benchmarks.selection_detection`) and of spending
compute (`benchmarks.selection_costs`) are compared on the same curves. Ours is run as by default, so it looks at every
second of their eight checkpoints; `ways` has it run otherwise too (`benchmarks.selection_schedule`). `--cache` keeps
what was trained, so that a change of selection code alone is measured in seconds; `--curves` takes the curves that come
with the repository, with `--subjects` some of them.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.selection_causes import causes
from benchmarks.selection_costs import bounds, costs, races, steps_saved
from benchmarks.selection_curves import SubjectCurves, read_curves, write_curves
from benchmarks.selection_detection import detection
from benchmarks.selection_methods import UNTOLD, Floats, Judged, judged, regret, regrets
from benchmarks.selection_off_grid import off_grid
from benchmarks.selection_ours import WAY
from benchmarks.selection_plan import SWEPT
from dbsweep.config.choosing import Choosing
from dbsweep.selection.pick import ChoiceSettings
from dbsweep.selection.resampling import mean_interval
from dbsweep.selection.verdict_settings import VerdictSettings

ENOUGH: Final = (1.0, 0.8, 0.7, 0.6, 0.5, 0.4)
"""Levels of `choose.enough_style` that are tried on the first looks."""
DEVELOPMENT: Final = Path(__file__).parent / "data" / "selection_curves.json.gz"
"""Curves of development subjects."""


def subject_range(text: str) -> list[int]:
    """Read ``A-B``, both included, or a single seed."""
    first, _, last = text.partition("-")
    try:
        seeds = list(range(int(first), int(last or first) + 1))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be A-B, such as 120-139, got {text!r}") from error
    if not seeds:
        raise argparse.ArgumentTypeError(f"holds no subject, got {text!r}")
    return seeds


def measure(subjects: Sequence[Judged]) -> dict[str, Any]:
    """Everything that is reported, of at least two subjects."""
    rows, fair = regrets(subjects), regrets(subjects, fair=True)
    untold = regrets(subjects, methods=UNTOLD)
    ratio, lost = steps_saved(subjects)
    found, all_of_prior = detection(subjects), detection(subjects, VerdictSettings(enough_prior=1.0))
    spent, most = costs(subjects), bounds(subjects)
    return {
        "subjects": len(subjects),
        "regret": {name: _round(float(row.mean())) for name, row in rows.items()},
        "regret_interval": {name: _interval(row) for name, row in rows.items()},
        "advantage_interval": {
            name: _interval(row - rows["dbsweep"]) for name, row in rows.items() if name != "dbsweep"
        },
        "fair_regret": {name: _round(float(row.mean())) for name, row in fair.items()},
        "regret_at_any_rate": {name: _round(float(row.mean())) for name, row in untold.items()},
        "regret_of_subjects": {
            str(s.curves.seed): _round(float(own)) for s, own in zip(subjects, rows["dbsweep"], strict=True)
        },
        "regret_without_race": _round(float(np.mean([regret(s, [s.choice_without_race()]) for s in subjects]))),
        "regret_by_enough_style": {f"{enough:g}": _regret_of_first_looks(subjects, enough) for enough in ENOUGH},
        "regret_at_0_standard_errors": _regret_with(subjects, ChoiceSettings(standard_errors=0.0)),
        "regret_at_tolerance_0.02": _regret_with(subjects, ChoiceSettings(tolerance=0.02)),
        "regret_at_tolerance_1": _regret_with(subjects, ChoiceSettings(tolerance=1.0)),
        "onset_within_1": _round(found["onset_within_1"]),
        "auc": _round(found["auc"]),
        "false_alarms": _round(found["false_alarms"]),
        "auc_at_enough_prior_1": _round(all_of_prior["auc"]),
        "false_alarms_at_enough_prior_1": _round(all_of_prior["false_alarms"]),
        "onset_at_enough_style_1": _round(_onset_at_enough_style_1(subjects)),
        "overtrained_trials": f"{found['overtrained_trials']:.0f} of {found['trials']:.0f}",
        "steps_saved": _round(ratio),
        "utility_lost_by_stopping": _round(lost),
        **{name: _round(value) for name, value in spent.items()},
        "steps_saved_bound": {name: _round(row["steps_saved"]) for name, row in most.items()},
        "cost_vs_grid_bound": {name: _round(row["cost_vs_grid"]) for name, row in most.items()},
        "races": {name: {key: _round(value) for key, value in row.items()} for name, row in races(subjects).items()},
        "ways": {way: _way(subjects, way) for way in subjects[0].ours},
        "off_grid": {
            name: {key: _round(value) for key, value in row.items()} for name, row in off_grid(subjects).items()
        },
        "oracle_noise": _round(oracle_noise(subjects)),
        "causes": causes(subjects),
        "best_utility": _round(float(np.mean([subject.utility.max() for subject in subjects]))),
    }


def _regret_with(subjects: Sequence[Judged], choice: ChoiceSettings) -> float:
    return _round(float(np.mean([regret(s, [s.choice_with(choice)]) for s in subjects])))


def _regret_of_first_looks(subjects: Sequence[Judged], enough_style: float) -> float:
    choosing = Choosing(enough_style=enough_style)
    return _round(float(np.mean([regret(s, [s.choice_without_race(choosing)]) for s in subjects])))


def _onset_at_enough_style_1(subjects: Sequence[Judged], way: str = WAY) -> float:
    return detection(subjects, VerdictSettings(enough_style=1.0), way=way)["onset_within_1"]


def _way(subjects: Sequence[Judged], way: str) -> dict[str, float]:
    """What one way of running dbsweep comes to."""
    ratio, lost = steps_saved(subjects, way)
    found = detection(subjects, way=way)
    told = {
        "look_every": float(np.mean([s.ours[way].look_every for s in subjects])),
        "regret": float(np.mean([regret(s, [s.ours[way].place]) for s in subjects])),
        **{key: found[key] for key in ("onset_within_1", "onset_as_ended", "auc", "false_alarms")},
        "onset_at_enough_style_1": _onset_at_enough_style_1(subjects, way),
        "looks": float(np.mean([s.ours[way].looks for s in subjects])),
        "steps_saved": ratio,
        "utility_lost_by_stopping": lost,
        **costs(subjects, way),
    }
    return {name: _round(value) for name, value in told.items()}


def oracle_noise(subjects: Sequence[Judged]) -> float:
    """Standard error of the difference of two checkpoints' utilities that comes from the oracle's number of images.

    The halves' utilities of one subject differ by an offset, which cancels between checkpoints because all draw from
    the same seeds, and by chance. The spread of half the difference around its mean is the noise of one utility from
    all images; a difference of two has √2 of it. Of the checkpoints that were judged by all rounds, in the sweeps that
    have two or more of them.
    """
    differences = [(0.5 * (s.halves[0] - s.halves[1]))[s.judged_closely] for s in subjects]
    return float(np.sqrt(2.0 * np.mean([each.var(ddof=1) for each in differences if len(each) > 1])))


def missed(result: dict[str, Any]) -> list[str]:
    """The goals that are missed, and by how much."""
    own = result["regret"]["dbsweep"]
    name, rival = min(((n, v) for n, v in result["regret"].items() if n != "dbsweep"), key=lambda pair: pair[1])
    goals = [
        ("regret", own, own <= 0.03, "at most 0.03"),
        ("regret", own, own <= 0.5 * rival, f"at most half of the best rival's ({name}, {rival:.3f})"),
        ("onset_within_1", result["onset_within_1"], result["onset_within_1"] >= 0.85, "at least 0.85"),
        ("auc", result["auc"], result["auc"] >= 0.9, "at least 0.90"),
        ("steps_saved", result["steps_saved"], result["steps_saved"] >= 2.0, "at least 2"),
        (
            "utility_lost_by_stopping",
            result["utility_lost_by_stopping"],
            result["utility_lost_by_stopping"] <= 0.01,
            "at most 0.01",
        ),
        ("cost_vs_grid", result["cost_vs_grid"], result["cost_vs_grid"] >= 5.0, "at least 5"),
        ("cost_vs_asha", result["cost_vs_asha"], result["cost_vs_asha"] >= 2.0, "at least 2"),
    ]
    return [
        f"{key} cannot be told, wanted: {wanted}" if math.isnan(value) else f"{key} is {value:.3f}, wanted: {wanted}"
        for key, value, met, wanted in goals
        if not met
    ]


def _interval(row: Floats) -> list[float]:
    """95% bootstrap interval of the mean over subjects."""
    return [_round(end) for end in mean_interval(row)]


def _round(value: float) -> float:
    return round(value, 4)


def _without_nan(value: object) -> object:
    """What JSON can tell: null for what is not a number, as where no training is overtrained."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _run_ours(subjects: Sequence[Judged]) -> None:
    """What `measure` begins with, and says nothing of: some seconds a subject."""
    for number, subject in enumerate(subjects, start=1):
        ways = len(subject.ours)
        _say(f"subject {subject.curves.seed}, {number} of {len(subjects)}: chosen in {ways} ways of running dbsweep")
    _say("comparing with other rules, races and costs")


def _curves(options: argparse.Namespace) -> list[SubjectCurves]:
    if options.curves is not None:
        curves = read_curves(options.curves)
        return [each for each in curves if options.subjects is None or each.seed in options.subjects]
    import torch  # only training needs it here

    from benchmarks.selection_subjects import open_subjects

    torch.set_num_threads(options.threads)
    return open_subjects(options.subjects, options.cache, options.pieces, _say, options.sweep)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is missing, measure and print; 0 if every goal is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selection", description=__doc__)
    parser.add_argument("--subjects", type=subject_range, help="seeds A-B of subjects; with --curves, only those of it")
    parser.add_argument("--curves", type=Path, nargs="?", const=DEVELOPMENT, help="a file of curves (default: ours)")
    default = Path(tempfile.gettempdir()) / "dbsweep-selection"
    parser.add_argument("--cache", type=Path, default=default, help="folder of what was trained (default: %(default)s)")
    parser.add_argument(
        "--sweep",
        choices=sorted(SWEPT),
        default="rates",
        help="learning rates; the same, asking for styles that the oracle does not; for twice as many epochs; class "
        "images and the text encoder's share besides; a LoRA's rates (default: %(default)s)",
    )
    parser.add_argument("--pieces", type=int, help="stop after so many pieces of training, a minute or two each")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    parser.add_argument("--keep-curves", type=Path, help="file for the curves, small enough to be shared")
    options = parser.parse_args(arguments)
    if options.subjects is None and options.curves is None:
        parser.error("needs --subjects A-B or --curves")
    curves = _curves(options)
    if options.keep_curves is not None:
        write_curves(curves, options.keep_curves)
    unfinished = 0 if options.curves is not None else len(options.subjects) - len(curves)
    if unfinished or len(curves) < 2:
        _say(
            f"{len(curves)} subjects are trained, {unfinished} are not yet; at least two are needed, and all asked for"
        )
        return 2
    subjects = [judged(each) for each in curves]
    _run_ours(subjects)
    result = measure(subjects)
    result["missed"] = missed(result)
    text = json.dumps(_without_nan(result), indent=1)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text if options.json else _table(result))
    return 1 if result["missed"] else 0


def _table(result: dict[str, Any]) -> str:
    lines = [f"{result['subjects']} subjects; regret in the oracle's utility, 0 to 1, with 95% intervals"]
    for name, value in sorted(result["regret"].items(), key=lambda pair: pair[1]):
        low, high = result["regret_interval"][name]
        more = f"   fair {result['fair_regret'][name]:.3f}"
        if name in result["regret_at_any_rate"]:
            more += f"   at any learning rate {result['regret_at_any_rate'][name]:.3f}"
        lines.append(f"  {name:20} {value:.3f}  ({low:.3f} to {high:.3f}){more}")
    skipped = ("subjects", "missed", "causes", "races", "ways", "off_grid")
    rows = {key: value for key, value in result.items() if key not in skipped and "regret" not in key}
    rows |= {key: value for key, value in result.items() if key.startswith("regret_") and not isinstance(value, dict)}
    rows |= {f"race to {name}": row for name, row in result["races"].items()}
    rows |= {f"way {way}": row for way, row in result["ways"].items()} | result["causes"]
    rows |= {f"only {name}": row for name, row in result["off_grid"].items()}
    rows.pop("advantage_interval")
    lines += [f"{key:25} {value}" for key, value in rows.items()]
    return "\n".join([*lines, *(f"missed: {line}" for line in result["missed"])])


if __name__ == "__main__":
    sys.exit(main())
