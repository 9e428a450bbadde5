"""What the LoRA of a run's checkpoint says of its training, as kohya's files do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dbsweep.errors import InputError, RunError
from dbsweep.execution.folder import RunFolder
from dbsweep.records.results import Checkpoint
from dbsweep.records.run import RunRecord
from dbsweep.sweep.run_settings import read_experiment
from dbsweep.sweep.storage import run_of

if TYPE_CHECKING:  # these load torch
    from dbsweep.config.concept import Concept
    from dbsweep.config.schema import Train
    from dbsweep.models.checkpoints import CheckpointManifest
    from dbsweep.models.export.kohya_metadata import Taught


def kohya_training(
    folder: RunFolder,
    record: RunRecord,
    checkpoint: Checkpoint,
    manifest: CheckpointManifest,
    *,
    with_captions: bool,
    note: Callable[[str], None],
) -> dict[str, str]:
    """The metadata, without paths.

    Args:
        with_captions: with the prompts of the photos, in which their captions are.
        note: told where the photos are no longer those that were trained, so that nothing can be said of them.

    Raises:
        ModelError: the file of the base model or of its VAE cannot be read.
    """
    from dbsweep.execution.photo_digests import refuse_other_photos
    from dbsweep.models.export.kohya_metadata import model_metadata, photo_metadata, training_metadata

    experiment, branch = read_experiment(folder), record.branch_of(checkpoint)
    train = experiment.train_for({**branch.settings, **manifest.savings})
    told = training_metadata(
        train, step=manifest.step, epoch=manifest.epoch, steps=branch.end_step, started=record.started
    )
    told |= model_metadata("sd_model", *named_model(experiment.base_model))
    if experiment.vae is not None:
        told |= model_metadata("vae", *named_model(experiment.vae))
    try:
        refuse_other_photos(folder, experiment)
        taught = [_taught(concept, train) for concept in experiment.concepts]
    except (InputError, RunError):
        note("The photos are not what and where they were: the file does not tell how many, nor their captions")
        return told
    photos = photo_metadata(taught, train)
    return told | {key: value for key, value in photos.items() if with_captions or key != "ss_tag_frequency"}


def named_model(model: str) -> tuple[str, Path | None]:
    """The name of a model without the folders on its way, and its file if it is one."""
    from dbsweep.models.sources import is_hub_id

    path = Path(model)
    run = run_of(path)
    if run is not None:
        return f"{run.name}@{path.parent.name}-{path.name}", None
    is_remote = is_hub_id(model) and not path.exists()
    return model if is_remote else path.name, path if path.is_file() else None


def _taught(concept: Concept, train: Train) -> Taught:
    from dbsweep.concepts.captions import instance_captions
    from dbsweep.concepts.photo_sets import training_photos
    from dbsweep.models.export.kohya_metadata import Taught

    photos = training_photos(concept)
    class_images = train.class_images_per_instance * len(photos) if concept.class_images.enabled else 0
    return Taught(
        words=f"{concept.instance_token} {concept.class_token}",
        prompts=tuple(caption.text() for caption in instance_captions(concept, photos)),
        repeats=concept.repeats,
        class_images=class_images,
    )
