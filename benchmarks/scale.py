"""How the driver bears many trials: `python -m benchmarks.scale [--json] [--trials N]`.

Nothing is trained. Plans of N trials in three shapes (wanted: under 5 s each); sweeps of N trials on the simulated back
end through conductor, verdicts, ledger and choice; no-op trials on real Ray through the same against bare Ray Tune
trials with reused actors, in turn (wanted: at most 1.2 times as long). Plans and Ray want quiet cores; `--parts`
measures some of it and leaves the rest of `--out` as it was.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import provenance
from benchmarks.scale_sweep import PHOTOS, bare, memory_bytes, on_ray, shapes, simulate
from dbsweep.execution.ray.start import start_ray
from dbsweep.plan.plan import make_plan

PLAN_SECONDS: Final = 5.0
RAY_RATIO: Final = 1.2
PARTS: Final = ("plans", "sweeps", "ray")
EARLY: Final = 20  # no-op trials that have ended when all workers run
LASTING_TRIALS: Final = 16
LASTING_SECONDS: Final = 2.0


def measure_plans(trials: int) -> dict[str, dict[str, float]]:
    """Seconds and branches of each shape of search."""
    found: dict[str, dict[str, float]] = {}
    for shape, experiment in shapes(trials).items():
        begun = time.monotonic()
        plan = make_plan(experiment, [PHOTOS])
        seconds = time.monotonic() - begun
        found[shape] = {"trials": len(plan.trials), "branches": len(plan.branches), "seconds": round(seconds, 3)}
    return found


def measure_sweeps(trials: int, folder: Path) -> dict[str, dict[str, Any]]:
    """What a simulated sweep of each shape costs the driver, by trial and by report: milliseconds of CPU."""
    found: dict[str, dict[str, Any]] = {}
    for shape, experiment in shapes(trials).items():
        before = memory_bytes()
        sweep = simulate(experiment, folder / shape)
        found[shape] = {
            "trials": sweep.trials,
            "reports": sweep.events,
            "cpu_seconds": round(sweep.cpu_seconds, 2),
            "ms_per_trial": round(1000 * sweep.cpu_seconds / sweep.trials, 3),
            "ms_per_report": round(1000 * sweep.cpu_seconds / sweep.events, 3),
            "ledger_bytes_per_trial": round(sweep.ledger_bytes / sweep.trials),
            "memory_growth_bytes_by_quarter": [peak - before for peak in sweep.quarters],
        }
    return found


def measure_ray(trials: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Milliseconds a no-op trial, ours and bare, in turn after one of each that is not counted.

    Each trial's share of the whole counts (the start of Tune and of the workers included), and for itself what a
    further trial takes when all workers run. How many workers take part is chance here: Tune gives the branch that
    waits for a worker still starting to one that is free, and calls the start off. So it is counted, of both, and once
    more with trials that last.
    """
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    ours: list[list[float]] = []
    alone: list[list[float]] = []
    workers: list[list[int]] = []
    for repeat in range(repeats + 1):
        sweep = on_ray(trials, folder / f"ours-{repeat}")
        ends, bare_workers = bare(trials, folder / f"bare-{repeat}")
        if repeat:
            ours.append(sweep.ends)
            alone.append(ends)
            workers.append([len(sweep.workers), len(bare_workers)])
            print(f"{repeat}/{repeats}: {sweep.ends[-1]:.2f} s, bare {ends[-1]:.2f} s", file=sys.stderr, flush=True)
    lasting = on_ray(LASTING_TRIALS, folder / "lasting", LASTING_SECONDS)
    return {
        "trials": trials,
        "whole": _compare([at[-1] / trials for at in ours], [at[-1] / trials for at in alone]),
        "further": _compare([_further(at) for at in ours], [_further(at) for at in alone]),
        "worker_processes": [ours for ours, _ in workers],
        "bare_worker_processes": [alone for _, alone in workers],
        "lasting": {"seconds": LASTING_SECONDS, "trials_by_worker": sorted(lasting.workers.values())},
    }


def _further(ends: Sequence[float]) -> float:
    """Seconds a trial from the end of an early one on."""
    return (ends[-1] - ends[EARLY]) / (len(ends) - 1 - EARLY)


def _compare(ours: Sequence[float], alone: Sequence[float]) -> dict[str, Any]:
    ratios = sorted(a / b for a, b in zip(ours, alone, strict=True))
    return {
        "ms_per_trial": [round(1000 * seconds, 1) for seconds in ours],
        "bare_ms_per_trial": [round(1000 * seconds, 1) for seconds in alone],
        "ratio": round(statistics.median(ratios), 3),
        "ratio_range": [round(ratios[0], 3), round(ratios[-1], 3)],
    }


def table(result: dict[str, Any]) -> list[str]:
    """The result for people."""
    lines = ["planning"] if "plans" in result else []
    plans, sweeps = result.get("plans", {}), result.get("sweeps", {})
    lines += [f"  {shape:9} {p['trials']:8,} trials {p['seconds']:8.2f} s" for shape, p in plans.items()]
    lines += ["simulated sweeps"] if sweeps else []
    lines += [
        f"  {shape:9} {s['trials']:8,} trials {s['reports']:9,} reports {s['cpu_seconds']:8.1f} CPU s "
        f"{s['ms_per_trial']:7.2f} ms/trial {s['ms_per_report']:6.2f} ms/report "
        f"{s['ledger_bytes_per_trial']:7,} bytes of ledger/trial "
        f"{s['memory_growth_bytes_by_quarter'][-1] / 2**20:7.0f} MiB more memory"
        for shape, s in sweeps.items()
    ]
    if "ray" in result:
        ray = result["ray"]
        lines += [
            f"Ray, {ray['trials']} no-op trials on {ray['worker_processes']} worker processes, bare on "
            f"{ray['bare_worker_processes']}",
            *(
                f"  {how:8} ms/trial {ray[how]['ms_per_trial']}, bare {ray[how]['bare_ms_per_trial']}, ratio "
                f"{ray[how]['ratio']} ({ray[how]['ratio_range'][0]} to {ray[how]['ratio_range'][1]}; {wanted})"
                for how, wanted in (("whole", f"wanted: at most {RAY_RATIO}"), ("further", "with all workers running"))
            ),
            f"  trials of {ray['lasting']['seconds']:g} s by worker: {ray['lasting']['trials_by_worker']}",
        ]
    return lines


def measure(parts: Sequence[str], trials: int, ray_trials: int, repeats: int, cores: int) -> dict[str, Any]:
    """The parts of the result that are asked for."""
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "plans" in parts:
            result["plans"] = measure_plans(trials)
        if "sweeps" in parts:
            result["sweeps"] = measure_sweeps(trials, folder / "simulated")
        if "ray" in parts:
            start_ray(num_cpus=cores)
            result["ray"] = measure_ray(ray_trials, repeats, folder / "ray")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 if planning and Ray are as wanted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--trials", type=int, default=10_000, help="of the plans and the simulated sweeps")
    parser.add_argument("--ray-trials", type=int, default=200, help="no-op trials on Ray, each way")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    options = parser.parse_args(arguments)
    known = options.out is not None and options.out.is_file()
    result: dict[str, Any] = json.loads(options.out.read_text(encoding="utf-8")) if known else {}
    result |= provenance()
    result |= measure(options.parts, options.trials, options.ray_trials, options.repeats, options.cores)
    text = json.dumps(result, indent=1)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text if options.json else "\n".join(table(result)))
    good = all(plan["seconds"] < PLAN_SECONDS for plan in result.get("plans", {}).values())
    return 0 if good and ("ray" not in result or result["ray"]["whole"]["ratio"] <= RAY_RATIO) else 1


if __name__ == "__main__":
    sys.exit(main())
