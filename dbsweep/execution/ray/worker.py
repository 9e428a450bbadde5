"""What runs inside Ray's processes; heavy imports happen here, so that the driver stays light."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from dbsweep.config.schema import Resources
from dbsweep.errors import ResourceError
from dbsweep.execution.backend import Decision, Emit
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, CloserLook, SweepJob
from dbsweep.execution.storage.courier import Courier
from dbsweep.execution.storage.setting import courier_for
from dbsweep.models.left_out import leave_out
from dbsweep.plan.memory.encoders import SMALL_ENCODER
from dbsweep.records.events import BranchEnded, CheckpointScored, Event
from dbsweep.records.names import TrialState
from dbsweep.records.plan import Branch
from dbsweep.records.results import GridImage, GridModels, Scorecard

if TYPE_CHECKING:
    from dbsweep.execution.stall import StallWatch

Body: TypeAlias = Callable[[BranchJob, Emit], None]
"""What trains one branch: `dbsweep.execution.branch.work.run_branch`, or something cheaper in tests and benchmarks."""


def train_branch(config: dict[str, Any], body: Body | None) -> None:
    """The function that Tune runs: one branch, its events reported as they happen, the last two together."""
    from ray import tune

    from dbsweep.execution.ray.searcher import JOB, as_result

    given = BranchJob.model_validate_json(config[JOB])
    courier = courier_for(given.sweep)
    if told := courier.told_before(given) or _not_begun(given.branch, courier):
        for event in told:
            tune.report(as_result([event]))
        return
    with courier.training(given) as job:
        (body or _train)(job, _reporting(given.branch, courier))


def _not_begun(branch: Branch, courier: Courier) -> tuple[Event, ...]:
    """The end of a branch after a request to stop; empty without one.

    Tune has taken it for a worker before, and gives it to one all the same.
    """
    if not courier.asked_to_stop():
        return ()
    state, step = TrialState.INTERRUPTED, branch.fork_step
    return (BranchEnded(branch=branch.id, state=state, last_step=step, reason="asked to stop"),)


def _reporting(branch: Branch, courier: Courier) -> Emit:
    """Carries events away and tells Tune of them."""
    from ray import tune

    from dbsweep.execution.ray.searcher import as_result

    run = RunFolder(courier.sweep.run_folder)
    waiting: list[Event] = []

    def emit(event: Event) -> Decision:
        courier.carry(event)
        waiting.append(event)
        if isinstance(event, CheckpointScored) and event.checkpoint.step == branch.end_step:
            return Decision.GO_ON  # the branch's end follows at once: every report is a round trip to the driver
        told = as_result(waiting)
        waiting.clear()
        tune.report(told)
        return Decision.STOP if run.stop_request.exists() else Decision.GO_ON

    return emit


def _train(job: BranchJob, emit: Emit) -> None:
    claim_resources(job.sweep.experiment.resources)
    from dbsweep.execution.branch.work import run_branch

    run_branch(job, emit)


def claim_resources(resources: Resources) -> None:
    """Keeps this process within its share: torch's threads, no GPU that it has not asked for, its part of a shared one.

    Ray leaves all GPUs visible to a task that asks for none. Its fractions of a GPU are bookkeeping only; the limit of
    memory makes one greedy trial fail instead of its neighbours. Packages that others would load, for what this process
    does not do, are left out: memory and seconds in every worker. What a step frees is kept for the next.
    """
    # diffusers and peft load it for weights in few bits; an optimizer that needs it lets it in.
    leave_out("bitsandbytes")
    if resources.gpus_per_trial == 0.0:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch looks; `loaded.device` knows too
        leave_out("triton")  # torch's compiler of GPU kernels
    import torch

    from dbsweep.models.device_memory import keep_freed_memory

    torch.set_num_threads(max(1, int(resources.cpus_per_trial)))
    keep_freed_memory()
    if 0.0 < resources.gpus_per_trial < 1.0 and torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(resources.gpus_per_trial)


def draw_class_images(job: SweepJob, shard: int, shards: int) -> int:
    """Draws one part of the missing class images; returns how many."""
    with _at_work(job, f"class-images-{shard:02d}") as (courier, _), courier.preparing():
        from dbsweep.execution.drawing import class_images

        return class_images.draw_class_images(courier.sweep, shard, shards)


def encode_photos(job: SweepJob) -> None:
    """Fills the latent cache with the photos."""
    with _at_work(job, "photos") as (courier, _), courier.preparing(class_images=False):
        from dbsweep.execution import loaded

        loaded.encode_photos(courier.sweep)


def draw_references(job: SweepJob) -> tuple[str, Scorecard]:
    """Draws and scores what the untrained model makes; returns the model's hash and its scorecard."""
    with _at_work(job, "references") as (courier, _), courier.preparing(class_images=False):
        from dbsweep.execution.drawing import references

        return references.draw_references(courier.sweep)


def look_closer(job: SweepJob, look: CloserLook) -> Scorecard:
    """Draws and scores further images of a checkpoint."""
    from dbsweep.execution.drawing import closer_look

    claim_resources(job.experiment.resources)
    courier = courier_for(job)
    with _told_of_memory("a closer look"), courier.looking_closer(look):
        return closer_look.look_closer(courier.sweep, look)


def draw_grids(job: SweepJob, models: Sequence[GridModels]) -> tuple[GridImage, ...]:
    """Draws the experiment's grids."""
    with _at_work(job, "grids") as (courier, watch), courier.drawing_grids(models):
        from dbsweep.execution.drawing import grids

        return grids.draw_grids(courier.sweep, models, watch.following)


@contextmanager
def _at_work(job: SweepJob, task: str) -> Iterator[tuple[Courier, StallWatch]]:
    """Inside, this process keeps to its share, and is ended if it makes no progress: Ray then tries the task again."""
    claim_resources(job.experiment.resources)
    from dbsweep.execution import loaded
    from dbsweep.execution.stall import StallWatch, task_traces_file
    from dbsweep.models.device_memory import trim_memory

    courier = courier_for(job)
    sweep = courier.sweep
    traces = task_traces_file(RunFolder(sweep.run_folder), task)
    timeout_s = job.experiment.resources.stall_timeout_s
    with (
        _told_of_memory(task),
        StallWatch(timeout_s, traces) as watch,
        watch.following(loaded.models_as_they_are(sweep.base)),
    ):
        yield courier, watch
    trim_memory()


@contextmanager
def _told_of_memory(task: str) -> Iterator[None]:
    """Inside, what runs out of memory ends with what would help; a branch has further ways out (`Thrift`)."""
    from dbsweep.models.device_memory import is_out_of_memory

    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        reason = " ".join(str(error).split())[:160]
        raise ResourceError(
            f"out of memory while working on {task} ({reason}); what helps: a lower train.resolution, a smaller "
            f"encoder (evaluate.encoder {SMALL_ENCODER}), or a larger share of a GPU"
        ) from error
