"""What merged models draw of grids: a custom model with so many times what a checkpoint has learned beyond its base."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch

from dbsweep.errors import DbsweepError, DiskError
from dbsweep.execution import loaded
from dbsweep.execution.jobs import CustomModel, SweepJob
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.durable import is_full
from dbsweep.models.hashes import weights_sha256
from dbsweep.models.loading import load_base
from dbsweep.models.merging import SetAside, add_difference, set_aside, take_difference
from dbsweep.models.sources import BaseSource
from dbsweep.records.results import GridModel


@dataclass(frozen=True, slots=True)
class Merge:
    """A merged model: ``custom + multiplier (checkpoint - base model)``.

    Attributes:
        into: of the axis: a key of `SweepJob.customs`.
    """

    into: str
    model: GridModel
    multiplier: float


DrawWith: TypeAlias = Callable[[Merge, StableDiffusion, str], None]
"""Draws all that a merged model, which has this short hash, is to draw."""


def draw_merges(job: SweepJob, merges: Iterable[Merge], draw_with: DrawWith) -> dict[Merge, str]:
    """Makes each merged model once, one at a time, and has it draw; what is learned is taken once a checkpoint.

    Returns:
        Those that could not be made or could not draw, and why.
    """
    by_checkpoint: defaultdict[GridModel, list[Merge]] = defaultdict(list)
    for merge in merges:
        by_checkpoint[merge.model].append(merge)
    failed: dict[Merge, str] = {}
    for model, its_merges in by_checkpoint.items():
        with loaded.off_the_device(job.base), _telling(its_merges, failed), _learned(job, model) as difference:
            for merge in its_merges:
                with _telling([merge], failed):
                    draw_with(merge, *_merged(job.customs[merge.into], difference, merge.multiplier))
    return failed


@contextmanager
def _telling(merges: Iterable[Merge], failed: dict[Merge, str]) -> Iterator[None]:
    """What cannot be merged, or drawn of it, is told: the run has its answer."""
    try:
        yield
    except DbsweepError as error:
        failed.update(dict.fromkeys(merges, str(error)))


@contextmanager
def _learned(job: SweepJob, model: GridModel) -> Iterator[SetAside]:
    """What a checkpoint has learned, in a file of the run folder while it is needed."""
    folder = job.run_folder / ".merging"
    shutil.rmtree(folder, ignore_errors=True)  # of a worker that was killed
    folder.mkdir()
    try:
        yield _difference(job, model, folder)
    finally:
        shutil.rmtree(folder)


def _difference(job: SweepJob, model: GridModel, folder: Path) -> SetAside:
    assert model.checkpoint is not None  # `Grid` refuses the base model
    checkpoint = BaseSource(source=str(job.run_folder / model.checkpoint.path), below=job.base)
    try:
        base = set_aside(loaded.untrained_models(job.base), "the base model", folder / "base.safetensors")
        return take_difference(load_base(checkpoint), model.title, base, folder / "difference.safetensors")
    except OSError as error:
        if is_full(error):
            raise DiskError(f"no disk space left in {job.run_folder} for what the checkpoint has learned") from error
        raise


def _merged(custom: CustomModel, difference: SetAside, multiplier: float) -> tuple[StableDiffusion, str]:
    """A merged model, where this process draws, and its short hash; its weights stay float32, whatever it draws in."""
    models = load_base(custom.source)
    add_difference(models, custom.name, difference, multiplier, torch.float32)
    return models.to(loaded.device()), weights_sha256(models.networks)[:10]
