"""A driver in a process of its own: one sweep on a cluster whose workers note each step that they train.

Usage: ``python -m tests.execution.cluster_driver ADDRESS STEPS EXPERIMENT [OVERRIDE ...]``
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from unittest.mock import patch

from rich.console import Console

from dbsweep.config.loading import load_experiment
from dbsweep.config.schema import Experiment
from dbsweep.execution.backend import Emit
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.ray.backend import RayBackend
from dbsweep.execution.ray.worker import Body
from dbsweep.reports.terminal import TerminalView
from dbsweep.sweep.running import resume_run, run_experiment

SECONDS_PER_STEP = 0.05
"""The tiny model is faster; a test needs time to strike between two checkpoints."""


def noting_body(steps: Path) -> Body:
    """Trains as `run_branch` does; every step becomes a line ``branch step pid`` of the file."""

    def body(job: BranchJob, emit: Emit) -> None:
        from dbsweep.execution.branch.work import BranchWork, run_branch
        from dbsweep.execution.ray.worker import claim_resources

        after_step = BranchWork._after_step

        def noting(work: BranchWork, step: int) -> None:
            with steps.open("a") as stream:
                stream.write(f"{job.branch.id} {step} {os.getpid()}\n")
            time.sleep(SECONDS_PER_STEP)
            after_step(work, step)

        claim_resources(job.sweep.experiment.resources)
        with patch.object(BranchWork, "_after_step", noting):
            run_branch(job, emit)

    return body


def main(address: str, steps: str, file: str, *overrides: str) -> None:
    """Runs the experiment, or goes on with it where its run exists."""
    experiment = load_experiment(Path(file), overrides)

    def make_backend(folder: RunFolder, experiment: Experiment) -> RayBackend:
        return RayBackend(folder, experiment.resources, address=address, body=noting_body(Path(steps)))

    view = TerminalView(Console(stderr=True, width=200))
    folder = RunFolder((experiment.output / experiment.name).absolute())
    if folder.ledger.exists():
        resume_run(folder, make_backend, view)
    else:
        run_experiment(experiment, make_backend, view)


if __name__ == "__main__":
    with patch("dbsweep.sweep.preflight.check_disk"):  # the forecast takes the tiny model for Stable Diffusion 1
        main(*sys.argv[1:])
