"""`python -m benchmarks.sharing`: the stage tree against training every trial by itself, on MiniSD and real Ray.

The grid is epochs {2, 4, 6, 8} × text-encoder ratio {0, ¼, ½, 1}: 80 epochs alone, 32 shared. Both ways train and
score the same trials with the same code on the same machine, in turn; the inputs that all trials share are made
before. Every trial must have the same weights either way, or the benchmark fails.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console

from benchmarks.machine import provenance
from dbsweep.config.loading import load_experiment
from dbsweep.config.schema import Experiment
from dbsweep.execution.backend import Backend, OnEvent
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.ray.backend import RayBackend
from dbsweep.execution.ray.start import start_ray
from dbsweep.minisd.subject import write_subject_photos
from dbsweep.records.run import RunRecord
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.running import run_experiment

SUBJECT: Final = 41
SEARCH: Final[dict[str, list[float]]] = {
    "learning_rate": [3e-5],
    "epochs": [2, 4, 6, 8],
    "class_images_per_instance": [2],
    "text_encoder_ratio": [0, 0.25, 0.5, 1],
}
WANTED: Final = {"steps_ratio": 2.4, "seconds_ratio": 2.0}


@dataclass(frozen=True)
class Timing:
    """One sweep.

    Attributes:
        steps: optimizer steps trained, counted from the checkpoints.
        seconds: wall time of training and scoring, the start of the workers included.
        weights: trial id → SHA-256 of its last checkpoint's weights.
    """

    steps: int
    seconds: float
    weights: dict[str, str]


class _TimedBackend(RayBackend):
    """Ray, with the wall time of training and scoring."""

    seconds = 0.0

    def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
        begun = time.monotonic()
        super().run(jobs, on_event)
        self.seconds = time.monotonic() - begun


def write_experiment(folder: Path, photos: int) -> Path:
    """Write the experiment file with the photos of its subject."""
    write_subject_photos(SUBJECT, "man", photos, folder / "photos")
    content: dict[str, Any] = {
        "name": "sharing",
        "base_model": "minisd",
        "concepts": [
            {
                "instance_images": "photos",
                "instance_token": "ohwx",
                "class_token": "man",
                "instance_prompt": "photo of ohwx man",
                "class_prompt": "photo of man",
                "sanity_prompts": ["photo of ohwx man, ink poster style", "photo of ohwx man, neon style"],
            }
        ],
        "train": {"resolution": 64, "batch_size": 1},
        "search": {**SEARCH, "scheduler": "none"},
        "evaluate": {"every_epochs": 2, "images_per_prompt": 4, "encoder": "minisd", "stop_overtrained": False}
        | {"race": {"enabled": False}},  # it comes after what is measured
        "tracking": {"enabled": False},
        "output": str(folder / "runs"),
    }
    file = folder / "sharing.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def run_once(file: Path, name: str, *, alone: bool) -> Timing:
    """Run the sweep and return what it took."""
    made: list[_TimedBackend] = []

    def make_backend(folder: RunFolder, experiment: Experiment) -> Backend:
        made.append(_TimedBackend(folder, experiment.resources))
        return made[0]

    quiet = TerminalView(Console(file=open(os.devnull, "w", encoding="utf-8")))  # noqa: SIM115  (lives as long as the view)
    folder = run_experiment(load_experiment(file, (f"name={name}",)), make_backend, quiet, alone=alone)
    record = read_run(folder)
    return Timing(steps_trained(record), made[0].seconds, last_weights(record))


def steps_trained(record: RunRecord) -> int:
    """Return the optimizer steps between each branch's fork and its last checkpoint, summed."""
    last = {branch.id: branch.fork_step for branch in record.plan.branches}
    for checkpoint in record.checkpoints.values():
        last[checkpoint.branch] = max(last[checkpoint.branch], checkpoint.step)
    return sum(last[branch.id] - branch.fork_step for branch in record.plan.branches)


def last_weights(record: RunRecord) -> dict[str, str]:
    """Return the hash of each trial's last weights."""
    return {trial.id: record.checkpoints_of(trial.id)[-1].sha256 for trial in record.plan.trials}


def compare(file: Path, repeats: int) -> dict[str, Any]:
    """Run both ways in turn, `repeats` times after one that is not counted, and return the ratios.

    Raises:
        RuntimeError: if a trial's weights differ.
    """
    run_once(file, "warm-up", alone=False)
    pairs: list[tuple[Timing, Timing]] = []
    for repeat in range(repeats):
        order = (True, False) if repeat % 2 else (False, True)
        found = {alone: run_once(file, f"{'alone' if alone else 'shared'}-{repeat}", alone=alone) for alone in order}
        shared, alone = found[False], found[True]
        different = [trial for trial, weights in shared.weights.items() if alone.weights[trial] != weights]
        if different:
            raise RuntimeError(f"trials {', '.join(different)} have other weights when they train alone")
        pairs.append((alone, shared))
        ratio = alone.seconds / shared.seconds
        print(
            f"{repeat + 1}/{repeats}: alone {alone.steps} steps, {alone.seconds:.1f} s; "
            f"shared {shared.steps} steps, {shared.seconds:.1f} s; {ratio:.2f}×",
            file=sys.stderr,
            flush=True,
        )
    ratios = [alone.seconds / shared.seconds for alone, shared in pairs]
    return {
        **provenance(),
        "trials": len(pairs[0][0].weights),
        "steps_alone": pairs[0][0].steps,
        "steps_shared": pairs[0][1].steps,
        "steps_ratio": round(pairs[0][0].steps / pairs[0][1].steps, 3),
        "seconds_ratio": round(statistics.median(ratios), 3),
        "seconds_ratios": [round(ratio, 3) for ratio in ratios],
        "same_weights": True,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 if both goals are met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sharing", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    options = parser.parse_args(arguments)
    start_ray(num_cpus=options.cores)
    with tempfile.TemporaryDirectory() as folder:
        result = compare(write_experiment(Path(folder), options.photos), options.repeats)
    text = json.dumps(result)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    if options.json:
        print(text)
    else:
        for key, value in result.items():
            wanted = f"   (wanted: at least {WANTED[key]})" if key in WANTED else ""
            print(f"{key:15} {value}{wanted}")
    return 0 if all(result[key] >= wanted for key, wanted in WANTED.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
