"""What would stop a sweep later is found before anything is written."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dbsweep.config.figures import apart
from dbsweep.errors import InputError, ModelError, ResourceError
from dbsweep.sweep.named_models import MINISD, base_source, custom_source, resolve_encoder, with_base_of_base

# Rooms that load torch are imported where they are used, so that only what is asked for is waited for.
if TYPE_CHECKING:
    from dbsweep.config.schema import Experiment
    from dbsweep.models.sources import BaseSource
    from dbsweep.records.plan import Plan

RESERVE_BYTES = 256 * 2**20
"""Disk that a sweep leaves free beyond its own forecast."""


def _unwatched(what: str, images: Sequence[Path]) -> Iterable[Path]:
    del what
    return images


def check_inputs(
    experiment: Experiment, plan: Plan, watch: Callable[[str, Sequence[Path]], Iterable[Path]] = _unwatched
) -> tuple[str, ...]:
    """Finds what would stop the sweep later, before anything is written.

    Args:
        experiment, plan: the sweep.
        watch: shows how far the looking at images is, which takes seconds where they are many or large.

    Returns:
        What is to be said of the photos by their pixels, which a plan does not look at.

    Raises:
        InputError: photos or own class images that are missing, cannot be read, or lack a caption; an address that can
            be no MLflow store.
        ModelError: a base model, a model that a grid merges into or an encoder that is not one, or not to be had.
        ResourceError: the forecast does not fit on the disk.
    """
    check_tracking(experiment)
    sentences = check_images(experiment, plan, watch)
    check_base_model(experiment)
    check_custom_models(experiment)
    check_encoders(experiment)
    check_searcher(experiment)
    check_compute(experiment)
    # With storage only pictures come to this disk.
    check_disk(experiment.output, plan.cost.disk_bytes if experiment.storage is None else 0)
    return sentences


def check_tracking(experiment: Experiment) -> None:
    """InputError for an address that can be no MLflow store; one that is merely away is no fault."""
    if experiment.tracking.enabled and experiment.tracking.uri is not None:
        from dbsweep.tracking.address import check_uri

        check_uri(experiment.tracking.uri, "tracking.uri")


def check_images(
    experiment: Experiment, plan: Plan, watch: Callable[[str, Sequence[Path]], Iterable[Path]]
) -> tuple[str, ...]:
    """Decodes all photos and own class images; returns what is to be said of them by their pixels.

    Raises:
        InputError: one is missing, cannot be read, or lacks a caption.
    """
    from dbsweep.concepts.captions import class_captions
    from dbsweep.concepts.class_images import own_class_images
    from dbsweep.concepts.doubles import doubled_pixels
    from dbsweep.concepts.photo_sets import held_out_photos, training_photos
    from dbsweep.concepts.photos import check_photos

    per_photo = max(int(trial.settings["class_images_per_instance"]) for trial in plan.trials)
    images: list[Path] = []
    for concept in experiment.concepts:
        photos, own = training_photos(concept), own_class_images(concept)
        class_captions(concept, own[: per_photo * len(photos)])
        images += (*photos, *held_out_photos(concept), *own)
    looks = check_photos(watch("looking at the photos", images))
    sentences = (doubled_pixels(concept, looks) for concept in experiment.concepts)
    return tuple(sentence for sentence in sentences if sentence is not None)


def check_base_model(experiment: Experiment) -> None:
    """Finds a base model that is none or not to be had, without loading it; a checkpoint is fetched to find out.

    Raises:
        ModelError: it is none, or a file is missing.
        ResourceError: the storage of the run that made it cannot be reached.
    """
    check_model(base_source(experiment))


def check_custom_models(experiment: Experiment) -> None:
    """As `check_base_model`, of models that grids merge into, which must be of the base model's family."""
    from dbsweep.models.native_size import version_of

    for into in experiment.custom_models:
        custom = custom_source(into)
        check_model(custom)
        version, own = version_of(custom.source), version_of(base_source(with_base_of_base(experiment)).source)
        if version is not None and own is not None and version != own:
            raise ModelError(
                f"grids merge into {into}, which is a Stable Diffusion {version}, and base_model is a Stable Diffusion "
                f"{own}: only models of one family can be merged; give another"
            )


def check_model(base: BaseSource) -> None:
    """As `check_base_model`, of any model."""
    from dbsweep.models.hub import check_hub
    from dbsweep.models.single_file.config import check_single_file
    from dbsweep.models.sources import check_base
    from dbsweep.sweep.storage import bring_base

    bring_base(base.source)
    check_base(base)
    check_hub(base)
    if Path(base.source).is_file():
        check_single_file(base)


def check_encoders(experiment: Experiment) -> None:
    """Finds an encoder that is none, or whose files or package are not to be had.

    Raises:
        ModelError: it is none, or a file is missing.
        DiskError: there is no room for what is fetched to find out.
        ResourceError: OpenCV is not installed.
    """
    from dbsweep.scoring.encoder_files import check_dino, check_encoder
    from dbsweep.scoring.encoder_source import check_faces

    try:
        check_encoder(resolve_encoder(experiment.evaluate.encoder), "evaluate.encoder")
    except ModelError as error:
        if experiment.base_model != MINISD:
            raise
        raise ModelError(f"{error}; or take {MINISD}, which is in this package") from error
    identity = experiment.evaluate.identity
    if identity.encoder is not None:
        check_encoder(identity.encoder, "evaluate.identity.encoder")
    if identity.dinov2 is not None:
        check_dino(identity.dinov2)
    if identity.face_detector is not None and identity.face_recognizer is not None:
        check_faces(identity.face_detector, identity.face_recognizer)


def check_searcher(experiment: Experiment) -> None:
    """ResourceError if the package of the searcher is not installed."""
    searcher = experiment.search.searcher.value
    if searcher != "random" and importlib.util.find_spec(searcher) is None:
        raise ResourceError(
            f"search.searcher is {searcher}, and the package {searcher} is not installed: "
            f"pip install 'dbsweep[{searcher}]', or use random"
        )


def check_compute(experiment: Experiment) -> None:
    """ResourceError if a trial asks for what cannot run on the device that trials have."""
    on_gpu = experiment.resources.gpus_per_trial > 0
    # Each is looked at only where it is asked for: the checks bring torch with them.
    if "xformers" in _asked(experiment, "attention"):
        from dbsweep.training.attention import check_xformers

        check_xformers(on_gpu=on_gpu)
    drawn = experiment.evaluate.precision
    if "fp16" in (drawn, *_asked(experiment, "precision")):
        from dbsweep.training.precision import check_precision

        for name in _asked(experiment, "precision"):
            check_precision(name, on_gpu=on_gpu)
        check_precision(drawn, on_gpu=on_gpu, field="evaluate.precision")
    for name in _asked(experiment, "optimizer"):
        if name.startswith("paged_"):
            from dbsweep.training.optimizer import check_optimizer

            check_optimizer(name, on_gpu=on_gpu)


def _asked(experiment: Experiment, setting: str) -> tuple[str, ...]:
    """The values that trials have of a setting that is a name."""
    axis = experiment.search.axes.get(setting)
    return (getattr(experiment.train, setting),) if axis is None else tuple(next(iter(axis.model_dump().values())))


def check_disk(output: Path, needed_bytes: int) -> None:
    """ResourceError if the forecast and a reserve do not fit on the disk of the output folder."""
    existing = output.absolute()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise InputError(f"output {str(output)!r} cannot be written: choose another folder with --set output=FOLDER")
    free, needed = shutil.disk_usage(existing).free, needed_bytes + RESERVE_BYTES
    if free < needed:
        told, has = apart(needed / 2**30, free / 2**30, least=1)
        raise ResourceError(
            f"the sweep needs about {told} GiB, a reserve included, and {existing} has {has} GiB free: "
            f"free some, choose another disk with --set output=FOLDER, or raise evaluate.every_epochs"
        )
