"""`python -m benchmarks.training --peer PATH_TO_train_dreambooth.py`: our training against diffusers' example script.

Both train MiniSD on the same photos and class images, batch 1 and as many steps, in turn on the same machine; the
script as its README says, but for plain python in place of ``accelerate launch``, which starts slower. Ratios, medians
over the repeats, "lora_" before them for ``--peer-lora``:

- ``text_encoder_on``, ``text_encoder_frozen``: our steps/s over the script's, one trial with all cores; more is better.
- ``sweep``: our steps/s over the script's for a whole sweep: ``dbsweep run`` with one trial a core, from the start of
  its process to its end, against as many runs of the script one after another. Ours draws and scores images of each
  trial besides; the race of the best checkpoints, for a choice that the script does not make, is off.
- ``memory``: our peak over the script's, of the process of one trial while it has that trial, imports included; less is
  better.
- ``startup``: the script's seconds from its start to the end of its first step over ours, for a trial that is not its
  worker's first; more is better.

A case in which the script fails is null, with its last words under ``failed``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.training_case import LEARNING_RATE, PHOTOS, Case, Inputs, steps_per_second, write_inputs
from benchmarks.training_ours import Clock, run_clocked, startups, sweep_seconds, write_experiment
from benchmarks.training_peer import PeerError, PeerRun, peer_arguments, run_peer
from benchmarks.training_phases import step_shares
from dbsweep.execution.ray.start import start_ray

LEAST: Final = {"text_encoder_on": 1.3, "text_encoder_frozen": 1.6, "sweep": 2.0, "startup": 2.0}
MOST: Final = {"memory": 1.0}
KEYS: Final = (*LEAST, *MOST)
PROFILED_STEPS: Final = 2 * PHOTOS
"""Whose time is told by phases."""


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured.

    Attributes:
        steps: optimizer steps of a trial.
        trials: of the sweep; 0 leaves it out.
        alone: measure trials by themselves, which all keys but ``sweep`` come from.
        cores: what one trial alone takes, and how many run side by side in the sweep.
    """

    repeats: int
    steps: int
    trials: int
    cores: int
    alone: bool = True


@dataclass(frozen=True, slots=True)
class Repeat:
    """Both sides once.

    Attributes:
        peer: the script's runs, by whether the text encoder trained; those that failed are missing.
        ours: two trials of one worker, one with and one without the text encoder; empty where only the sweep counts.
        sweep_s: of our sweep, None without; its trials train the text encoder where the script can.
        trials: of the sweep.
    """

    peer: Mapping[bool, PeerRun]
    ours: Sequence[Clock]
    sweep_s: float | None
    trials: int

    def ratios(self) -> dict[str, float]:
        """By key; without those that the script has no part in."""
        found: dict[str, float] = {}
        for key, text_encoder in (("text_encoder_on", True), ("text_encoder_frozen", False)):
            if text_encoder in self.peer and self.ours:
                (clock,) = (clock for clock in self.ours if clock.text_encoder == text_encoder)
                found[key] = steps_per_second(clock.steps) / self.peer[text_encoder].steps_per_s
        if self.peer:
            # Of the same trial as ours, with the text encoder, where the script can.
            peer = self.peer[max(self.peer)]
            if self.ours:
                found["memory"] = max(clock.memory_bytes for clock in self.ours) / peer.memory_bytes
                found["startup"] = peer.first_step_s / statistics.median(startups(list(self.ours)))
            if self.sweep_s is not None:
                found["sweep"] = self.trials * peer.seconds / self.sweep_s
        return found

    def figures(self) -> dict[str, Any]:
        """What the ratios are made from, for whoever wants to check."""
        names = {True: "on", False: "frozen"}
        return {
            "peer_steps_per_s": {names[on]: round(run.steps_per_s, 2) for on, run in self.peer.items()},
            "our_steps_per_s": {names[c.text_encoder]: round(steps_per_second(c.steps), 2) for c in self.ours},
            "peer_first_step_s": [round(run.first_step_s, 2) for run in self.peer.values()],
            "our_first_step_s": [round(seconds, 2) for seconds in startups(list(self.ours))],
            "peer_seconds": {names[on]: round(run.seconds, 1) for on, run in self.peer.items()},
            "our_sweep_seconds": None if self.sweep_s is None else round(self.sweep_s, 1),
            "peer_memory_mib": [run.memory_bytes >> 20 for run in self.peer.values()],
            "our_memory_mib": [clock.memory_bytes >> 20 for clock in self.ours],
        }


class Comparison:
    """One script, whole networks or LoRA, against ours."""

    def __init__(self, script: Path, inputs: Inputs, folder: Path, options: Options, *, lora: bool) -> None:
        self._script = script
        self._inputs = inputs
        self._folder = folder
        self._options = options
        self._case = Case(options.steps, text_encoder=True, lora=lora)
        self.failed: dict[str, str] = {}

    def measure(self) -> list[Repeat]:
        """All repeats; who begins changes."""
        repeats: list[Repeat] = []
        for index in range(self._options.repeats):
            if index % 2:
                ours, peer = self._ours(index), self._peer()
            else:
                peer, ours = self._peer(), self._ours(index)
            sweep = self._sweep(index, text_encoder=not self.failed) if self._options.trials else None
            repeats.append(Repeat(peer, ours, sweep, self._options.trials))
            told = {"ratios": repeats[-1].ratios(), **repeats[-1].figures()}
            print(f"{index + 1}/{self._options.repeats}: {json.dumps(told)}", file=sys.stderr, flush=True)
        return repeats

    def _peer(self) -> dict[bool, PeerRun]:
        runs: dict[bool, PeerRun] = {}
        for text_encoder, key in ((True, "text_encoder_on"), (False, "text_encoder_frozen")):
            if key in self.failed:
                continue
            if runs and not self._options.alone:
                break  # the sweep is compared with one kind of run
            case = replace(self._case, text_encoder=text_encoder)
            with tempfile.TemporaryDirectory(dir=self._folder) as out:
                try:
                    runs[text_encoder] = run_peer(self._script, peer_arguments(self._inputs, case, Path(out)))
                except PeerError as error:
                    self.failed[key] = str(error)
        return runs

    def _ours(self, index: int) -> list[Clock]:
        if not self._options.alone:
            return []
        name = f"{self._kind}-{index}"
        search = {"text_encoder_ratio": [1.0, 0.0]}
        cores = self._options.cores
        return run_clocked(write_experiment(self._folder, self._inputs, name, self._case, search, cores))

    def _sweep(self, index: int, *, text_encoder: bool) -> float:
        rates = [LEARNING_RATE * (1 + trial / 100) for trial in range(self._options.trials)]  # nothing to share
        case = replace(self._case, text_encoder=text_encoder)
        name = f"{self._kind}-sweep-{index}"
        return sweep_seconds(
            write_experiment(self._folder, self._inputs, name, case, {"learning_rate": rates}, cpus_per_trial=1)
        )

    @property
    def _kind(self) -> str:
        return "lora" if self._case.lora else "whole"


def summary(repeats: Iterable[Repeat], prefix: str = "") -> dict[str, Any]:
    """Median and range of every key over the repeats; None for a key that was not measured."""
    found: dict[str, list[float]] = {key: [] for key in KEYS}
    for repeat in repeats:
        for key, ratio in repeat.ratios().items():
            found[key].append(ratio)
    medians = {prefix + key: round(statistics.median(each), 3) if each else None for key, each in found.items()}
    ranges = {prefix + key: [round(min(each), 3), round(max(each), 3)] for key, each in found.items() if each}
    return {**medians, f"{prefix}ranges": ranges}


def is_met(key: str, value: float | None) -> bool:
    """Whether a ratio is as wanted; one that was not measured is not."""
    bare = key.removeprefix("lora_")
    if value is None:
        return False
    return value <= MOST[bare] if bare in MOST else value >= LEAST[bare]


def goals(result: Mapping[str, Any]) -> dict[str, bool]:
    """Of every key of the result that has a goal, whether it is met."""
    return {key: is_met(key, result[key]) for key in result if key.removeprefix("lora_") in KEYS}


def table(result: Mapping[str, Any]) -> list[str]:
    """The result for people."""
    lines: list[str] = []
    for key, met in goals(result).items():
        bare = key.removeprefix("lora_")
        limit = f"at most {MOST[bare]}" if bare in MOST else f"at least {LEAST[bare]}"
        shown = "not measured" if result[key] is None else f"{result[key]:.2f}"
        lines.append(f"{key:26} {shown:>12}   wanted: {limit}{'' if met else '   MISSED'}")
    lines += [f"{key}: {reason}" for key, reason in result.get("failed", {}).items()]
    for name, shares in result["phases"].items():
        lines.append(f"a step, {name}: " + ", ".join(f"{phase} {share:.1%}" for phase, share in shares.items()))
    return lines


def machine() -> str:
    """The cores and the libraries."""
    import torch

    model = next(
        (line.split(":", 1)[1].strip() for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")),
        platform.processor(),
    )
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "diffusers", "transformers", "peft"))
    return f"{os.cpu_count()} cores, {model}, {torch.backends.cpu.get_cpu_capability()}; {libraries}"


def command(given: argparse.Namespace) -> str:
    """How to measure the same again."""
    given_scripts = {"--peer": given.peer, "--peer-lora": given.peer_lora}
    scripts = " ".join(f"{flag} {script.name}" for flag, script in given_scripts.items() if script is not None)
    amounts = f"--repeats {given.repeats} --steps {given.steps} --trials {given.trials} --cores {given.cores}"
    return f"python -m benchmarks.training {scripts} {amounts}{' --only-sweep' * given.only_sweep}"


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def phases(inputs: Inputs, threads: int, *, lora: bool) -> dict[str, dict[str, float]]:
    """Shares of a step, by what trains."""
    found: dict[str, dict[str, float]] = {}
    for of_lora in (False, True) if lora else (False,):
        for text_encoder in (True, False):
            name = f"{'LoRA, ' if of_lora else ''}text encoder {'on' if text_encoder else 'frozen'}"
            found[name] = step_shares(inputs, Case(PROFILED_STEPS, text_encoder, of_lora), threads)
    return found


def measure(peers: Mapping[str, Path | None], options: Options, folder: Path) -> dict[str, Any]:
    """Everything that can be measured with the scripts that are there.

    Args:
        peers: by prefix of the keys, ``""`` and ``"lora_"``.
    """
    inputs = write_inputs(folder)
    result: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for prefix, script in peers.items():
        if script is None:
            continue
        start_ray(num_cpus=options.cores)
        comparison = Comparison(script, inputs, folder, options, lora=prefix == "lora_")
        repeats = comparison.measure()
        result |= summary(repeats, prefix) | {f"{prefix}repeats": [repeat.figures() for repeat in repeats]}
        failed |= {prefix + key: reason for key, reason in comparison.failed.items()}
    return result | {"failed": failed, "phases": phases(inputs, options.cores, lora=peers["lora_"] is not None)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 if every goal is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument(
        "--peer", type=Path, help="diffusers' train_dreambooth.py; without it only our own step is told"
    )
    parser.add_argument("--peer-lora", type=Path, help="diffusers' train_dreambooth_lora.py")
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8 * PHOTOS, help=f"of a trial, a multiple of {PHOTOS}")
    parser.add_argument("--trials", type=int, default=8, help="of the sweep; 0 leaves it out")
    parser.add_argument("--only-sweep", action="store_true", help="leave out trials by themselves")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one repeat of few steps: whether it runs, not how fast")
    parser.add_argument("--out", type=Path, help="file for the result as JSON")
    given = parser.parse_args(arguments)
    if given.steps % PHOTOS:
        parser.error(f"--steps must be a multiple of {PHOTOS}, got {given.steps}")
    options = Options(given.repeats, given.steps, given.trials, given.cores, not given.only_sweep)
    if given.quick:
        options = replace(options, repeats=1, steps=2 * PHOTOS, trials=min(2, given.trials))
    with tempfile.TemporaryDirectory() as name:
        result = measure({"": given.peer, "lora_": given.peer_lora}, options, Path(name))
    result |= {"steps": options.steps, "trials": options.trials, "machine": machine()}
    result |= {"date": datetime.date.today().isoformat(), "command": command(given)}
    if given.out is not None:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result) if given.json else "\n".join(table(result)))
    return 0 if all(goals(result).values()) else 1


if __name__ == "__main__":
    sys.exit(main())
