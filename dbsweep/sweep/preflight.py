"""What happens before anything is written: the file is read, the plan made, everything that could fail later tried."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dbsweep.errors import InputError, ModelError, ResourceError
from dbsweep.sweep.device import ask_driver, trial_device

# Rooms that load torch, ray or mlflow are imported where they are used, so that planning starts at once.
if TYPE_CHECKING:
    from dbsweep.config.schema import Experiment
    from dbsweep.models.sources import BaseSource
    from dbsweep.plan.buckets import Size
    from dbsweep.plan.rates import Rates
    from dbsweep.records.plan import Plan

MINISD = "minisd"
"""The name of the embedded base model and of its CLIP in an experiment file."""

RESERVE_BYTES = 256 * 2**20
"""Disk that a sweep leaves free beyond its own forecast."""


def load(file: Path, overrides: Sequence[str] = (), name: str | None = None) -> Experiment:
    """The experiment of a file, with a run name of the caller's."""
    from dbsweep.config.loading import load_experiment

    named = () if name is None else (f"name={name}",)
    return counted_in_epochs(_pin_base(load_experiment(file, (*overrides, *named))))


def counted_in_epochs(experiment: Experiment) -> Experiment:
    """With lengths that are given in optimizer steps as whole epochs; otherwise as it is."""
    if not experiment.counts_steps:
        return experiment
    from dbsweep.plan.lengths import in_epochs
    from dbsweep.plan.photos import photos_of

    return in_epochs(experiment, photos_of(experiment, count_photos(experiment), photo_sizes(experiment)))


def _pin_base(experiment: Experiment) -> Experiment:
    """With ``RUN@CHECKPOINT`` as base model replaced by that checkpoint's folder, which a later choice cannot move."""
    source = experiment.base_model
    if source != MINISD and any((folder / source / "ledger.db").is_file() for folder in (Path(), experiment.output)):
        raise ModelError(f"base model {source}: this is a run; its chosen checkpoint is called {source}@best")
    if "@" not in source or Path(source).exists():
        return experiment
    from dbsweep.sweep.answers import find_checkpoint

    folder, _, checkpoint = find_checkpoint(source, experiment.output)
    return experiment.model_copy(update={"base_model": str(folder.path / checkpoint.path)})


def count_photos(experiment: Experiment) -> tuple[int, ...]:
    """The number of photos of each concept that train; InputError if there are none."""
    from dbsweep.concepts.photo_sets import training_photos

    return tuple(len(training_photos(concept)) for concept in experiment.concepts)


def count_class_images(experiment: Experiment) -> tuple[int, ...]:
    """The number of the user's own class images of each concept; InputError if their folder has none."""
    from dbsweep.concepts.class_images import own_class_images

    return tuple(len(own_class_images(concept)) for concept in experiment.concepts)


def photo_sizes(experiment: Experiment) -> tuple[tuple[Size, ...], ...] | None:
    """Width and height of each concept's photos that train; None where all are cut to squares."""
    if not experiment.train.aspect_ratio_buckets and "aspect_ratio_buckets" not in experiment.search.axes:
        return None
    from dbsweep.concepts.photo_sets import training_photos
    from dbsweep.concepts.photos import photo_size

    return tuple(tuple(map(photo_size, training_photos(concept))) for concept in experiment.concepts)


def planned(experiment: Experiment, *, alone: bool = False) -> tuple[Experiment, Plan]:
    """The experiment as it will run, fitted to the memory that a trial has, and its plan.

    Raises:
        ResourceError: it is to be fitted, and how much memory there is is not known.
    """
    from dbsweep.plan.fitting import fit

    fitted = fit(_with_base_of_base(experiment), trial_device(experiment))
    experiment = experiment.model_copy(update={"train": fitted.experiment.train})
    plan = make_plan(experiment, alone=alone)
    return experiment, plan.model_copy(update={"notes": (*fitted.notes, *plan.notes)})


def make_plan(experiment: Experiment, *, alone: bool = False) -> Plan:
    """What running the experiment would do and cost on this machine, with nothing shared if `alone`. No torch."""
    from dbsweep.concepts.captions import caption_warnings
    from dbsweep.concepts.photo_sets import held_out_sentence
    from dbsweep.plan import plan as planning

    plan = planning.make_plan(
        experiment,
        count_photos(experiment),
        local_rates(experiment),
        alone=alone,
        photo_sizes=photo_sizes(experiment),
        class_images=count_class_images(experiment),
    )
    warnings = [warning for concept in experiment.concepts for warning in caption_warnings(concept)]
    held_out = [sentence for concept in experiment.concepts if (sentence := held_out_sentence(concept))]
    return plan.model_copy(update={"notes": (*warnings, *held_out, *plan.notes)})


def local_rates(experiment: Experiment) -> Rates:
    """How fast this machine trains and draws, as far as it is known."""
    from dbsweep.plan.rates import rates_for

    experiment = _with_base_of_base(experiment)
    resources = experiment.resources
    workers = int((os.cpu_count() or 1) / resources.cpus_per_trial)
    gpus = ask_driver("name") if resources.gpus_per_trial else ()
    if gpus:
        workers = min(workers, int(len(gpus) / resources.gpus_per_trial))
    return rates_for(experiment, workers=max(1, workers), gpu=gpus[0] if gpus else None)


def _with_base_of_base(experiment: Experiment) -> Experiment:
    """With the base model that a checkpoint as base model goes back to: it is as large, and its name tells its size."""
    from dbsweep.config.loading import load_experiment
    from dbsweep.sweep.storage import run_of

    run = run_of(Path(experiment.base_model))  # by its run, for with a storage the checkpoint itself may not be here
    if run is None:
        return experiment
    below = _with_base_of_base(load_experiment(run.experiment))
    return experiment.model_copy(update={"base_model": below.base_model})


def _unwatched(what: str, images: Sequence[Path]) -> Iterable[Path]:
    del what
    return images


def check_inputs(
    experiment: Experiment, plan: Plan, watch: Callable[[str, Sequence[Path]], Iterable[Path]] = _unwatched
) -> None:
    """Finds what would stop the sweep later, before anything is written.

    Args:
        experiment, plan: the sweep.
        watch: shows how far the looking at images is, which takes seconds where they are many or large.

    Raises:
        InputError: photos or own class images that are missing, cannot be read, or lack a caption.
        ModelError: a base model or an encoder that is not one.
        ResourceError: the forecast does not fit on the disk.
    """
    from dbsweep.concepts.captions import class_captions
    from dbsweep.concepts.class_images import own_class_images
    from dbsweep.concepts.photo_sets import held_out_photos, training_photos
    from dbsweep.concepts.photos import check_photos
    from dbsweep.models.single_file_config import check_single_file
    from dbsweep.models.sources import check_base
    from dbsweep.scoring.encoder_source import encoder_source
    from dbsweep.sweep.storage import bring_base

    per_photo = max(int(trial.settings["class_images_per_instance"]) for trial in plan.trials)
    images: list[Path] = []
    for concept in experiment.concepts:
        photos, own = training_photos(concept), own_class_images(concept)
        class_captions(concept, own[: per_photo * len(photos)])
        images += (*photos, *held_out_photos(concept), *own)
    check_photos(watch("looking at the photos", images))
    bring_base(experiment.base_model)
    base = base_source(experiment)
    check_base(base)
    if Path(base.source).is_file():
        check_single_file(base)
    encoder_source(resolve_encoder(experiment.evaluate.encoder))
    check_identity(experiment)
    check_searcher(experiment)
    check_compute(experiment)
    # With storage only pictures come to this disk.
    check_disk(experiment.output, plan.cost.disk_bytes if experiment.storage is None else 0)


def token_warnings(experiment: Experiment) -> tuple[str, ...]:
    """What is to be said of instance tokens that the base model's tokenizer does not read as one word of its own.

    Nothing where the tokenizer has still to be downloaded.
    """
    from dbsweep.concepts.token import split_token
    from dbsweep.models.tokenizer import find_tokenizer

    tokenizer = find_tokenizer(base_source(_with_base_of_base(experiment)).source)
    if tokenizer is None:
        return ()
    splits = [split_token(tokenizer, concept.instance_token) for concept in experiment.concepts]
    return tuple(split.warning for split in splits if split.warning is not None)


def size_warnings(experiment: Experiment) -> tuple[str, ...]:
    """What is to be said of a resolution that the base model was not made for; all is drawn at it, swept or not."""
    from dbsweep.models.native_size import native_size

    made_for = native_size(base_source(_with_base_of_base(experiment)).source)
    resolution = experiment.train.resolution
    if made_for in (None, resolution):
        return ()
    return (
        f"train.resolution is {resolution}, and the base model was made for {made_for} × {made_for} pixels: away from "
        f"that size it draws worse; set train.resolution: {made_for}",
    )


def check_identity(experiment: Experiment) -> None:
    """Finds an encoder of identity that is none, or whose files or package are missing.

    Raises:
        ModelError: it is none, or a file is missing.
        ResourceError: OpenCV is not installed.
    """
    from dbsweep.scoring.encoder_source import check_dino, check_faces, encoder_source

    identity = experiment.evaluate.identity
    if identity.encoder is not None:
        encoder_source(identity.encoder, "evaluate.identity.encoder")
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
    if "fp16" in _asked(experiment, "precision"):
        from dbsweep.training.precision import check_precision

        check_precision("fp16", on_gpu=on_gpu)
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
    free = shutil.disk_usage(existing).free
    if free < needed_bytes + RESERVE_BYTES:
        raise ResourceError(
            f"the sweep needs about {needed_bytes / 2**30:.1f} GiB and {existing} has {free / 2**30:.1f} GiB free: "
            f"free some, choose another disk with --set output=FOLDER, or raise evaluate.every_epochs"
        )


def base_source(experiment: Experiment) -> BaseSource:
    """The base model of an experiment, and what is taken of it."""
    from dbsweep.models.sources import BaseSource

    vae = None if experiment.vae is None else _resolve_model(experiment.vae)
    return BaseSource(source=_resolve_model(experiment.base_model), ema=experiment.base_model_ema, vae=vae)


def _resolve_model(source: str) -> str:
    """A folder, file or hub id."""
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
