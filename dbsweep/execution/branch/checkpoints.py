"""The checkpoints of one branch on disk: what of its networks, adapters and training goes into each."""

from __future__ import annotations

from pathlib import Path

from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.checkpoints import CheckpointManifest, write_checkpoint
from dbsweep.models.precision import Precision
from dbsweep.plan.memory.ladder import Savings
from dbsweep.records.plan import Milestone
from dbsweep.records.results import Checkpoint
from dbsweep.training.trainer import Trainer


def keep_milestone(
    job: BranchJob, milestone: Milestone, models: StableDiffusion, trainer: Trainer, savings: Savings
) -> Checkpoint:
    """Writes a milestone's checkpoint, with the state that a fork or a resumption may need.

    Args:
        models: as the trainer has them.
        savings: settings that save memory, with which a fork or resumption goes on.
    """
    run, branch = RunFolder(job.sweep.run_folder), job.branch
    folder = run.checkpoint(branch.id, milestone.step)
    with_state = milestone.fork or milestone.step < branch.end_step
    manifest = _write(folder, job, models, trainer, savings, epoch=milestone.epoch, with_state=with_state)
    return Checkpoint(
        id=manifest.id,
        branch=branch.id,
        step=milestone.step,
        epoch=milestone.epoch,
        path=run.relative(folder),
        sha256=manifest.sha256,
        bytes=manifest.bytes,
    )


def save_between(job: BranchJob, models: StableDiffusion, trainer: Trainer, savings: Savings) -> None:
    """Writes what a branch goes on from that is stopped between two milestones."""
    folder = RunFolder(job.sweep.run_folder).interrupted(job.branch.id)
    epoch = trainer.step // job.branch.steps_per_epoch
    _write(folder, job, models, trainer, savings, epoch=epoch, with_state=True)


def _write(
    folder: Path,
    job: BranchJob,
    models: StableDiffusion,
    trainer: Trainer,
    savings: Savings,
    *,
    epoch: int,
    with_state: bool,
) -> CheckpointManifest:
    state = trainer.state_to_write() if with_state else None
    with trainer.weights_to_keep():
        return write_checkpoint(
            folder,
            unet=models.unet,
            text_encoder=models.text_encoder if job.branch.text_encoder_steps > 0 else None,
            state=state,
            manifest=CheckpointManifest(
                id=f"{job.branch.id}-{trainer.step:06d}",
                step=trainer.step,
                epoch=epoch,
                base_sha256=models.sha256,
                base=job.sweep.base_on_driver or models.source,
                lora=trainer.lora,
                savings=savings,
                untold=trainer.untold,
            ),
            precision=Precision(job.sweep.experiment.checkpoints.precision),
        )
