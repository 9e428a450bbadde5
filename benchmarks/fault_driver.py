"""A driver to be killed: one run of `python -m benchmarks.faults`, begun or gone on with.

Usage: ``python -m benchmarks.fault_driver ADDRESS EXPERIMENT FAULTS``; exits with 3 where the disk was full.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.fault_kinds import Faults, Kind, faulty_body
from dbsweep.config.loading import load_experiment
from dbsweep.config.schema import Experiment
from dbsweep.errors import DiskError
from dbsweep.execution.backend import OnEvent
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.ray.backend import RayBackend
from dbsweep.records.events import CheckpointScored, Event
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep import preflight
from dbsweep.sweep.answers import read_run
from dbsweep.sweep.running import resume_run, run_experiment

DISK_FULL = 3


class MortalBackend(RayBackend):
    """Ray, in a driver that dies after some checkpoints, new in the ledger, where a fault wants it."""

    faults: Faults

    def run(self, jobs: Sequence[BranchJob], on_event: OnEvent) -> None:
        known, recorded = set(read_run(self._run).checkpoints), 0

        def mortal(event: Event) -> None:
            nonlocal recorded
            on_event(event)
            recorded += isinstance(event, CheckpointScored) and event.checkpoint.id not in known
            for fault in self.faults.faults:
                if fault.kind is Kind.KILL_DRIVER and recorded >= fault.step and self.faults.strikes(fault):
                    os.kill(os.getpid(), signal.SIGKILL)

        super().run(jobs, mortal)


def drive(address: str | None, file: Path, faults: Faults) -> RunFolder:
    """Runs the experiment, or goes on with it where its run exists."""
    experiment = load_experiment(file)

    def make(folder: RunFolder, experiment: Experiment) -> RayBackend:
        backend = MortalBackend(folder, experiment.resources, address=address, body=faulty_body(faults))
        backend.faults = faults
        return backend

    view = TerminalView(Console(stderr=True, width=200))
    # The forecast takes every folder for a model of full size; this one is a thousand times smaller.
    preflight.check_disk = lambda *_: None
    folder = RunFolder((experiment.output / experiment.name).absolute())
    if folder.ledger.exists():
        return resume_run(folder, make, view)
    return run_experiment(experiment, make, view)


def main(address: str, file: str, faults: str) -> int:
    """The exit code."""
    try:
        drive(address, Path(file), Faults.model_validate_json(Path(faults).read_text(encoding="utf-8")))
    except DiskError as error:
        print(error, file=sys.stderr)
        return DISK_FULL
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
