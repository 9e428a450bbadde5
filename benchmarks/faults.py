"""`python -m benchmarks.faults`: sweeps of real trainings under fire end as if nothing had happened.

Each round is one sweep of a tiny Stable Diffusion on real Ray, its driver a process of its own, struck by several
seeded faults (`benchmarks.fault_kinds`) and resumed until it is over. Then its leaderboard and the hashes of all its
checkpoints are compared with those of an undisturbed run, and the steps that were trained twice are counted. A branch
that cannot succeed must end as failed, with a reason, and take nobody along.

What each round gave is kept in a folder (`--folder`), so that the benchmark can be run in pieces (`--seconds`): it goes
on with the first round that is not there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import ray
import yaml

from benchmarks.fault_driver import DISK_FULL, drive
from benchmarks.fault_kinds import ALWAYS, DAMAGE, ONCE, Fault, Faults, Kind, damage
from benchmarks.fault_outcome import Outcome, differences
from benchmarks.machine import provenance
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.ray.start import start_ray
from dbsweep.minisd.subject import write_subject_photos
from dbsweep.records.plan import Branch, Plan
from dbsweep.records.run import RunRecord
from dbsweep.sweep.answers import read_run
from tests.tiny_models import write_pipeline

ROOT: Final = Path(__file__).parents[1]
WORKERS: Final = 2
PHOTOS: Final = 3  # one epoch, and one checkpoint interval, is as many steps
RATES: Final = (1e-4, 3e-4)
STALL_TIMEOUT_S: Final = 25.0
WORKER_FAULTS: Final = 6  # a round, at most one a branch
DRIVER_FAULTS: Final = 2  # a round; each is followed by damage to a file
PATIENCE_S: Final = 1200.0


def write_experiment(folder: Path, name: str, rates: Sequence[float] = RATES) -> Path:
    """Learning rates × two lengths × two text-encoder ratios of a tiny random model: three branches a rate."""
    if not (folder / "photos").exists():
        write_subject_photos(5, "man", PHOTOS, folder / "photos")
        write_pipeline(folder / "base")
    content = {
        "name": name,
        "base_model": str(folder / "base"),
        "concepts": [
            {
                "instance_images": str(folder / "photos"),
                "instance_token": "ohwx",
                "class_token": "man",
                "instance_prompt": "photo of ohwx man",
                "class_prompt": "photo of man",
                "sanity_prompts": ["photo of ohwx man, ink poster style"],
                "class_images": {"num_inference_steps": 2},
            }
        ],
        "train": {"resolution": 64},
        "search": {
            "learning_rate": list(rates),
            "epochs": [3, 5],
            "class_images_per_instance": [1],
            "text_encoder_ratio": [0.4, 1.0],
            "scheduler": "none",
        },
        "evaluate": {"every_epochs": 1, "images_per_prompt": 2, "num_inference_steps": 2, "encoder": "minisd"}
        | {"stop_overtrained": False},
        "resources": {"stall_timeout_s": STALL_TIMEOUT_S},
        "tracking": {"enabled": False},
        "output": str(folder / "runs"),
    }
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def undisturbed(folder: Path) -> RunRecord:
    """The run that all others are compared with."""
    notes = folder / "undisturbed-notes"
    notes.mkdir(exist_ok=True)
    run = RunFolder(folder / "runs" / "undisturbed")
    if not run.ledger.exists() or read_run(run).finished is None:
        address = ray.get_runtime_context().gcs_address
        drive(address, write_experiment(folder, "undisturbed"), Faults(faults=(), notes=notes))
    return read_run(run)


def plan_round(plan: Plan, rng: random.Random) -> tuple[Fault, ...]:
    """Worker faults at different branches, driver deaths, damage after each, and now and then a hopeless branch."""
    branches = list(plan.branches)
    rng.shuffle(branches)
    found: list[Fault] = []
    leaves = [b for b in branches if not any(m.fork for m in b.milestones)]
    if rng.random() < 0.4:
        hopeless = rng.choice(leaves)
        branches.remove(hopeless)
        found.append(Fault(kind=rng.choice(ALWAYS), branch=hopeless.id, step=hopeless.fork_step + 2))
    for branch in branches[:WORKER_FAULTS]:
        kind = rng.choice(ONCE)
        found.append(Fault(kind=kind, branch=branch.id, step=_step_for(kind, branch, rng)))
    for _ in range(DRIVER_FAULTS):
        found.append(Fault(kind=Kind.KILL_DRIVER, step=rng.randrange(2, 8)))
        found.append(Fault(kind=rng.choice(DAMAGE)))
    return tuple(found)


def _step_for(kind: Kind, branch: Branch, rng: random.Random) -> int:
    if kind in (Kind.KILL_IN_WRITE, Kind.DISK_FULL):
        return rng.choice(branch.milestones).step
    return rng.randrange(branch.fork_step + 1, branch.end_step + 1)


def run_round(file: Path, faults: tuple[Fault, ...], truth: RunRecord, rng: random.Random) -> Outcome:
    """One sweep under fire, of an experiment file of `write_experiment`."""
    name = file.stem
    notes = file.with_name(f"{name}-notes")
    notes.mkdir()
    planned = Faults(faults=faults, notes=notes)
    (notes / "faults.json").write_text(planned.model_dump_json(), encoding="utf-8")
    run = RunFolder(file.parent / "runs" / name)
    deadline = time.monotonic() + PATIENCE_S
    while (code := _drive(file, notes)) != 0:
        _await_workers(planned)
        if (code > 0 and code != DISK_FULL) or time.monotonic() > deadline:
            log = (notes / "driver.log").read_text(encoding="utf-8", errors="replace")
            return Outcome(
                struck=planned.struck, retrained=0, allowed=0, wrong=(f"the driver ended with {code}: {log[-2000:]}",)
            )
        if code < 0:
            _damage_next(planned, run, truth.plan.branches, rng)
    record = read_run(run)
    hopeless = {fault.branch for fault in faults if fault.kind in ALWAYS}
    return Outcome(
        struck=planned.struck,
        retrained=_retrained(planned.steps, hopeless),
        allowed=PHOTOS * sum(_interrupted(fault) for fault in planned.struck),
        wrong=tuple(differences(record, truth, hopeless)),
    )


def _drive(file: Path, notes: Path) -> int:
    address = ray.get_runtime_context().gcs_address
    command = [sys.executable, "-m", "benchmarks.fault_driver", address, str(file), str(notes / "faults.json")]
    with (notes / "driver.log").open("ab") as log:
        return subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=False).returncode


def _await_workers(faults: Faults) -> None:
    """Returns when the dead driver's workers are gone: damage must not meet a hand that still writes."""
    lines = faults.steps.read_text().splitlines() if faults.steps.exists() else []
    alive = {int(line.split()[2]) for line in lines}
    while alive:
        alive = {pid for pid in alive if Path(f"/proc/{pid}").exists()}
        time.sleep(0.1)


def _damage_next(faults: Faults, run: RunFolder, branches: tuple[Branch, ...], rng: random.Random) -> None:
    left = [fault for fault in faults.faults if fault.kind in DAMAGE and fault not in faults.struck]
    if left and damage(left[0].kind, run, branches, rng):
        faults.strikes(left[0])


def _interrupted(fault: Fault) -> int:
    """Branches that lose at most an interval each."""
    if fault.kind in (Kind.KILL_DRIVER, Kind.DISK_FULL):
        return WORKERS
    return 0 if fault.kind is Kind.RAY_STATE or fault.kind in ALWAYS else 1


def _retrained(steps: Path, hopeless: set[str]) -> int:
    lines = [line.rsplit(" ", 1)[0] for line in steps.read_text().splitlines()]
    counted = Counter(line for line in lines if line.split()[0] not in hopeless)
    return sum(times - 1 for times in counted.values())


def strike(folder: Path, wanted: int, seed: int, seconds: float) -> list[Outcome]:
    """Rounds until as many faults have struck, earlier pieces of this folder counted; each is told on stderr.

    Args:
        folder: what has been done so far, and will be.
        seconds: no round begins later than this.
    """
    begun = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    truth: RunRecord | None = None
    outcomes: list[Outcome] = []
    while sum(len(outcome.struck) for outcome in outcomes) < wanted:
        name = f"round-{len(outcomes):02d}"
        known = folder / f"{name}.json"
        if not known.exists():
            if time.monotonic() - begun > seconds:
                break
            truth = truth or undisturbed(folder)
            shutil.rmtree(folder / "runs" / name, ignore_errors=True)  # of a piece that was ended in the middle
            shutil.rmtree(folder / f"{name}-notes", ignore_errors=True)
            rng = random.Random(f"{seed} {name}")
            made = run_round(write_experiment(folder, name), plan_round(truth.plan, rng), truth, rng)
            known.write_text(made.model_dump_json(), encoding="utf-8")
            print(f"{name}: {len(made.struck)} faults, {made.retrained} steps twice", *made.wrong, file=sys.stderr)
            if not made.wrong:
                shutil.rmtree(folder / "runs" / name)
        outcomes.append(Outcome.model_validate_json(known.read_text(encoding="utf-8")))
    return outcomes


def summary(outcomes: Sequence[Outcome], seed: int) -> dict[str, object]:
    """The result as plain values."""
    kinds = Counter(fault.kind.value for outcome in outcomes for fault in outcome.struck)
    return {
        "command": f"python -m benchmarks.faults --seed {seed}",
        **provenance(),
        "rounds": len(outcomes),
        "faults": sum(kinds.values()),
        "by_kind": dict(sorted(kinds.items())),
        "rounds_that_differ": sum(bool(outcome.wrong) for outcome in outcomes),
        "rounds_beyond_an_interval_a_fault": sum(outcome.retrained > outcome.allowed for outcome in outcomes),
        "steps_trained_twice": sum(outcome.retrained for outcome in outcomes),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Strike and compare; 0 if nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=100, help="at least so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where each round's outcome is kept; default: a temporary folder")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no round begins later than this")
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    start_ray(num_cpus=WORKERS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        outcomes = strike(folder / f"seed-{options.seed}", options.faults, options.seed, options.seconds)
    result = summary(outcomes, options.seed)
    text = json.dumps(result, indent=1)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text if options.json else "\n".join(f"{key:36} {value}" for key, value in result.items()))
    return int(bool(result["rounds_that_differ"] or result["rounds_beyond_an_interval_a_fault"]))


if __name__ == "__main__":
    sys.exit(main())
