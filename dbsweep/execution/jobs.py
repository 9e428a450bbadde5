"""What a worker is told: paths and plain values only, so that a job can travel to any machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import Field, model_validator

from dbsweep.concepts.framing import Framing
from dbsweep.config.schema import Experiment, Train
from dbsweep.config.search import SchedulerName
from dbsweep.errors import RunError
from dbsweep.execution.folder import RunFolder
from dbsweep.models.sources import BaseSource
from dbsweep.plan.buckets import Size
from dbsweep.plan.photos import Photos, photos_of
from dbsweep.records.plan import Branch, Plan
from dbsweep.records.record import Record
from dbsweep.records.results import Checkpoint, Scorecard
from dbsweep.records.run import RunRecord


class ClassImageNeed(Record):
    """The class images that the hungriest trial of a concept needs; smaller ones use the first of them.

    Attributes:
        concept: 0-based.
        size: width and height, pixels.
        count: how many; 0 where no trial preserves the prior.
    """

    concept: int
    size: Size
    count: int


class CustomModel(Record):
    """A model to which grids add what a checkpoint has learned.

    Attributes:
        name: without folders.
        source: resolved.
    """

    name: str
    source: BaseSource


class SweepJob(Record):
    """What the shared inputs of a sweep are made from.

    Attributes:
        run_folder: absolute.
        cache_folder: absolute; latents and class images of all runs.
        base: the base model, resolved; a plain path or hub id may be given.
        encoder: the scoring encoder, resolved: an open_clip ``model/tag`` or a folder.
        experiment: the experiment as run.
        class_images: by concept, then size.
        framings: all ways in which trials cut their photos.
        customs: models of grids that merge, by `into` of their axes.
        inputs: with `storage` in the experiment, where in it the photos and models lie that the driver has: path
            on the driver → path below the storage's inputs.
        base_on_driver: the base model as the driver names it, where a worker has a copy elsewhere.
        began_with: SHA-256 of the base model's weights when the run began; None as long as nobody has loaded it.
    """

    run_folder: Path
    cache_folder: Path
    base: BaseSource
    encoder: str
    experiment: Experiment
    class_images: tuple[ClassImageNeed, ...]
    framings: tuple[Framing, ...] = ()
    customs: dict[str, CustomModel] = Field(default_factory=dict)
    inputs: dict[str, str] = Field(default_factory=dict)
    base_on_driver: BaseSource | None = None
    began_with: str | None = None

    def refuse_another_base(self, sha256: str) -> None:
        """RunError for weights of another base model than the run began with."""
        if self.began_with not in (None, sha256):
            raise RunError(
                f"base_model {self.experiment.base_model} is another than this run began with, whose scores could "
                "not be compared: put that one back and resume, or run the experiment file under another --name"
            )


class Fork(Record):
    """Where a branch starts, when not at the base model.

    Attributes:
        step: the parent's step.
        checkpoint: the parent's checkpoint folder, absolute; its state is there.
        lineage: (step, scorecard) of every scored ancestor checkpoint up to the fork, by rising step.
    """

    step: int
    checkpoint: Path
    lineage: tuple[tuple[int, Scorecard], ...]


class CloserLook(Record):
    """Images of a checkpoint that has been trained: further ones where it can still win, or the first.

    Attributes:
        checkpoint: its weights are kept.
        card: of the images that it has drawn so far; None if there are none.
        images_per_prompt: seeds that every prompt has afterwards.
    """

    checkpoint: Checkpoint
    card: Scorecard | None
    images_per_prompt: int

    def images_folder(self, run: RunFolder) -> Path:
        """Where the images go."""
        branch, step = self.checkpoint.branch, self.checkpoint.step
        return run.images(branch, step) if self.card is None else run.race_images(branch, step)


class Decided(Record):
    """What the scheduler had decided about a branch when the sweep was interrupted.

    Attributes:
        until: the last step that it had seen.
        reason: why it ended the branch there; empty if the branch went on.
    """

    until: int
    reason: str


class BranchJob(Record):
    """One branch, to be trained by one worker.

    Attributes:
        sweep: what all branches share.
        branch: what to train.
        fork: known once the parent's checkpoint is; None for a branch from the base model.
        decided: by the scheduler, before the sweep was resumed.
    """

    sweep: SweepJob
    branch: Branch
    fork: Fork | None = None
    decided: Decided | None = None

    @model_validator(mode="after")
    def _fork_is_the_branch_s(self) -> BranchJob:
        if self.fork is not None and (self.branch.parent is None or self.fork.step != self.branch.fork_step):
            raise ValueError(f"branch {self.branch.id} does not start at step {self.fork.step}")
        return self

    def forked(self, fork: Fork) -> BranchJob:
        """The same job, its start known."""
        return BranchJob(sweep=self.sweep, branch=self.branch, fork=fork, decided=self.decided)


def sweep_job(
    run_folder: Path,
    cache_folder: Path,
    experiment: Experiment,
    plan: Plan,
    photo_counts: Iterable[int],
    *,
    base: BaseSource | str,
    encoder: str,
    photo_sizes: Sequence[Sequence[Size]] | None = None,
    customs: Mapping[str, CustomModel] | None = None,
) -> SweepJob:
    """The job of preparing a sweep.

    Args:
        photo_counts: photos of each concept, in the experiment's order.
        base, encoder: resolved sources.
        photo_sizes: of each photo; needed where aspect_ratio_buckets may be on.
        customs: as `SweepJob.customs`.
    """
    return SweepJob(
        run_folder=run_folder.absolute(),
        cache_folder=cache_folder.absolute(),
        base=base if isinstance(base, BaseSource) else BaseSource(source=base),
        encoder=encoder,
        experiment=experiment,
        class_images=class_image_needs(experiment, plan, photos_of(experiment, tuple(photo_counts), photo_sizes)),
        framings=framings_of(experiment, plan),
        customs=dict(customs or {}),
    )


def class_image_needs(experiment: Experiment, plan: Plan, photos: Sequence[Photos]) -> tuple[ClassImageNeed, ...]:
    """The class images that the trials of a plan need, by concept, then size."""
    trains = [experiment.train_for(trial.settings) for trial in plan.trials]
    needs = {need for train in trains for need in _class_images_of(train, photos)}
    hungriest = {(need.concept, need.size): need for need in sorted(needs, key=lambda need: need.count)}
    return tuple(hungriest[key] for key in sorted(hungriest))


def _class_images_of(train: Train, photos: Sequence[Photos]) -> Iterator[ClassImageNeed]:
    """What one trial needs of each concept, in each size of its photos."""
    for concept, own in enumerate(photos):
        for size, count in own.by_size(train).items():
            yield ClassImageNeed(concept=concept, size=size, count=count * own.per_photo(train))


def framings_of(experiment: Experiment, plan: Plan) -> tuple[Framing, ...]:
    """All ways in which the trials of a plan cut their photos."""
    return tuple(dict.fromkeys(Framing.of(experiment.train_for(trial.settings)) for trial in plan.trials))


def branch_jobs(job: SweepJob, plan: Plan, record: RunRecord | None = None) -> tuple[BranchJob, ...]:
    """One job per branch, parents before children.

    Args:
        record: of a run that is resumed: what a scheduler decided in it stands.
    """
    until: dict[str, int] = {}
    for checkpoint in record.checkpoints.values() if record is not None else ():
        until[checkpoint.branch] = max(until.get(checkpoint.branch, 0), checkpoint.step)
    failures = record.failures if record is not None else {}
    return tuple(
        BranchJob(sweep=job, branch=branch, decided=_decided(until.get(branch.id), failures.get(branch.id, "")))
        for branch in plan.branches
    )


def _decided(until: int | None, reason: str) -> Decided | None:
    """The reason of a branch that a scheduler has ended begins with its name."""
    if until is None:
        return None
    by_a_scheduler = reason.startswith(tuple(f"{name}:" for name in SchedulerName))
    return Decided(until=until, reason=reason if by_a_scheduler else "")
