"""What happens before anything is written: the file is read, the plan made, everything that could fail later tried."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dbsweep.errors import InputError, ResourceError

# Rooms that load torch, ray or mlflow are imported where they are used, so that planning starts at once.
if TYPE_CHECKING:
    from dbsweep.config.schema import Experiment
    from dbsweep.records import Plan

MINISD = "minisd"
"""The name of the embedded base model and of its CLIP in an experiment file."""

RESERVE_BYTES = 256 * 2**20
"""Disk that a sweep leaves free beyond its own forecast."""


def load(file: Path, overrides: Sequence[str] = (), name: str | None = None) -> Experiment:
    """The experiment of a file, with a run name of the caller's."""
    from dbsweep.config.loading import load_experiment

    named = () if name is None else (f"name={name}",)
    return load_experiment(file, (*overrides, *named))


def count_photos(experiment: Experiment) -> tuple[int, ...]:
    """The number of photos of each concept; InputError if a folder has none."""
    from dbsweep.concepts.photos import list_photos

    return tuple(len(list_photos(concept.instance_images)) for concept in experiment.concepts)


def make_plan(experiment: Experiment, *, alone: bool = False) -> Plan:
    """What running the experiment would do and cost on this machine, with nothing shared if `alone`. No torch."""
    from dbsweep.plan import plan as planning
    from dbsweep.plan.rates import rates_for

    workers = max(1, int((os.cpu_count() or 1) / experiment.resources.cpus_per_trial))
    return planning.make_plan(experiment, count_photos(experiment), rates_for(experiment, workers=workers), alone=alone)


def check_inputs(experiment: Experiment, plan: Plan) -> None:
    """Finds what would stop the sweep later, before anything is written.

    Raises:
        InputError: photos that cannot be read.
        ModelError: a base model that is not one.
        ResourceError: the forecast does not fit on the disk.
    """
    from dbsweep.concepts.photos import check_photos, list_photos
    from dbsweep.models.sources import check_source

    for concept in experiment.concepts:
        check_photos(list_photos(concept.instance_images))
    check_source(resolve_base(experiment.base_model))
    check_disk(experiment.output, plan.cost.disk_bytes)


def check_disk(output: Path, needed_bytes: int) -> None:
    """ResourceError if the forecast and a reserve do not fit on the disk of the output folder."""
    existing = output.absolute()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise InputError(f"output {str(output)!r} cannot be written: choose another folder with --set output=FOLDER")
    free = shutil.disk_usage(existing).free
    if free < needed_bytes + RESERVE_BYTES:
        raise ResourceError(
            f"the sweep needs about {needed_bytes / 2**30:.1f} GiB and {existing} has {free / 2**30:.1f} GiB free: "
            f"free some, choose another disk with --set output=FOLDER, or raise evaluate.every_epochs"
        )


def resolve_base(source: str) -> str:
    """A folder, file or hub id for the `base_model` of an experiment."""
    if source != MINISD:
        return source
    from dbsweep.minisd.paths import pipeline_path

    return str(pipeline_path())


def resolve_encoder(source: str) -> str:
    """An open_clip ``model/tag`` or folder for the `evaluate.encoder` of an experiment."""
    if source != MINISD:
        return source
    from dbsweep.minisd.paths import clip_path

    return str(clip_path())
