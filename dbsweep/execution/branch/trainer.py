"""The trainer of one branch, its settings and data put together from the worker's job."""

from __future__ import annotations

from dbsweep.concepts.captions import instance_captions
from dbsweep.concepts.framing import Framing
from dbsweep.concepts.photo_sets import training_photos
from dbsweep.config.schema import Concept, Train
from dbsweep.errors import InputError
from dbsweep.execution import loaded
from dbsweep.execution.drawing.class_images import draw_class_images
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.photo_digests import refuse_other_photos
from dbsweep.models.bundle import StableDiffusion
from dbsweep.plan.memory.ladder import Savings
from dbsweep.training.data import ConceptData
from dbsweep.training.trainer import Trainer


def make_trainer(job: BranchJob, models: StableDiffusion, savings: Savings | None = None) -> Trainer:
    """A trainer for the branch, at step 0 with whatever weights the models have.

    Class images that were damaged or deleted since they were drawn are drawn again, and the models then have the base
    model's weights.

    Args:
        models: this process's, to be changed.
        savings: settings of `train` that save memory, in place of the branch's own.

    Raises:
        ChangedError: photos are others than the run began with.
        DbsweepError: photos or prompts cannot be used, or the device lacks what the settings ask for.
    """
    experiment, branch = job.sweep.experiment, job.branch
    refuse_other_photos(RunFolder(job.sweep.run_folder), experiment)
    train = experiment.train_for({**branch.settings, **(savings or {})})
    if train.prior_loss_weight == 0.0:
        train = train.model_copy(update={"class_images_per_instance": 0})  # they would be paid for and not count
    return Trainer(
        models,
        _whole_data(job, train),
        train,
        steps_per_epoch=branch.steps_per_epoch,
        total_steps=branch.end_step,
        text_encoder_steps=branch.text_encoder_steps,
        clip_skip=experiment.clip_skip,
    )


def _whole_data(job: BranchJob, train: Train) -> list[ConceptData]:
    """What is trained of all concepts, for which a class image that cannot be read is drawn again."""
    try:
        return _data(job, train)
    except InputError:
        draw_class_images(job.sweep)  # those that another worker has not drawn meanwhile
        loaded.models_to_change(job.sweep.base)  # again, for they were restored to draw
        return _data(job, train)


def _data(job: BranchJob, train: Train) -> list[ConceptData]:
    return [part for concept in job.sweep.experiment.concepts for part in _concept_data(job, concept, train)]


def _concept_data(job: BranchJob, concept: Concept, train: Train) -> list[ConceptData]:
    """What is trained of a concept, a part for each size of its photos."""
    framing, parts = Framing.of(train), []
    for size, photos in framing.by_size(training_photos(concept)).items():
        views = loaded.photo_views(job.sweep, photos, size, framing)
        has_class_images = concept.class_images.enabled
        count = len(photos) * train.class_images_per_instance if has_class_images else 0
        part = ConceptData(
            instance=views.windows[0],
            class_images=loaded.class_latents(job.sweep, concept, size, count),
            instance_captions=instance_captions(concept, photos),
            class_captions=loaded.class_image_captions(job.sweep, concept, size, count),
            crops=views.windows[1:],
            mirrored=views.mirrored,
            repeats=concept.repeats,
            has_class_images=has_class_images,
            masks=loaded.photo_masks(job.sweep, photos, size, framing) if train.background_weight < 1.0 else (),
        )
        parts.append(part)
    return parts
