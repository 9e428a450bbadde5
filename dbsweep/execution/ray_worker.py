"""What runs inside Ray's processes; heavy imports happen here, so that the driver stays light."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from dbsweep.config.schema import Resources
from dbsweep.execution.backend import Decision, Emit
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, SweepJob
from dbsweep.execution.searcher import EVENT, JOB
from dbsweep.records import Checkpoint, Event, GridImage, Scorecard

Body: TypeAlias = Callable[[BranchJob, Emit], None]
"""What trains one branch: `dbsweep.execution.branch.run_branch`, or something cheaper in tests and benchmarks."""


def train_branch(config: dict[str, Any], body: Body | None) -> None:
    """The function that Tune runs: one branch, its events reported one by one."""
    from ray import tune

    job = BranchJob.model_validate_json(config[JOB])
    run = RunFolder(job.sweep.run_folder)

    def emit(event: Event) -> Decision:
        tune.report({EVENT: event.model_dump_json()})
        return Decision.STOP if run.stop_request.exists() else Decision.GO_ON

    (body or _train)(job, emit)


def _train(job: BranchJob, emit: Emit) -> None:
    claim_resources(job.sweep.experiment.resources)
    from dbsweep.execution.branch import run_branch

    run_branch(job, emit)


def claim_resources(resources: Resources) -> None:
    """Keeps this process within its share: torch's threads, and its part of a shared GPU's memory.

    Ray's fractions of a GPU are bookkeeping only; the limit makes one greedy trial fail instead of its neighbours.
    """
    import torch

    torch.set_num_threads(max(1, int(resources.cpus_per_trial)))
    if 0.0 < resources.gpus_per_trial < 1.0 and torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(resources.gpus_per_trial)


def draw_class_images(job: SweepJob, shard: int, shards: int) -> int:
    """Draws one part of the missing class images; returns how many."""
    from dbsweep.execution import prepare

    claim_resources(job.experiment.resources)
    return prepare.draw_class_images(job, shard, shards)


def encode_photos(job: SweepJob) -> None:
    """Fills the latent cache with the photos."""
    from dbsweep.execution import prepare

    claim_resources(job.experiment.resources)
    prepare.encode_photos(job)


def draw_references(job: SweepJob) -> tuple[str, Scorecard]:
    """Draws and scores what the untrained model makes; returns the model's hash and its scorecard."""
    from dbsweep.execution import prepare

    claim_resources(job.experiment.resources)
    return prepare.draw_references(job)


def draw_grids(job: SweepJob, checkpoint: Checkpoint) -> tuple[GridImage, ...]:
    """Draws the experiment's grids."""
    from dbsweep.execution import grids

    claim_resources(job.experiment.resources)
    return grids.draw_grids(job, checkpoint)
