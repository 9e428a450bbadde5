"""The trainer of one branch, its settings and data put together from the worker's job."""

from __future__ import annotations

from dbsweep.concepts.captions import instance_captions
from dbsweep.concepts.photo_sets import training_photos
from dbsweep.config.schema import Concept, Train
from dbsweep.execution import loaded
from dbsweep.execution.jobs import BranchJob
from dbsweep.models.bundle import StableDiffusion
from dbsweep.training.data import ConceptData
from dbsweep.training.trainer import Trainer


def make_trainer(job: BranchJob, models: StableDiffusion) -> Trainer:
    """A trainer for the branch, at step 0 with whatever weights the models have.

    Raises:
        DbsweepError: photos or prompts cannot be used, or the device lacks what the settings ask for.
    """
    experiment, branch = job.sweep.experiment, job.branch
    train = experiment.train_for(branch.settings)
    if train.prior_loss_weight == 0.0:
        train = train.model_copy(update={"class_images_per_instance": 0})  # they would be paid for and not count
    return Trainer(
        models,
        [_concept_data(job, concept, train) for concept in experiment.concepts],
        train,
        steps_per_epoch=branch.steps_per_epoch,
        total_steps=branch.end_step,
        text_encoder_steps=branch.text_encoder_steps,
        clip_skip=experiment.clip_skip,
    )


def _concept_data(job: BranchJob, concept: Concept, train: Train) -> ConceptData:
    photos = loaded.photo_latents(job.sweep, concept, train.resolution)
    count = len(photos) * train.class_images_per_instance
    return ConceptData(
        instance=photos,
        class_images=loaded.class_latents(job.sweep, concept, train.resolution, count),
        instance_captions=instance_captions(concept, training_photos(concept)),
        mirrored=loaded.photo_latents(job.sweep, concept, train.resolution, mirrored=True)
        if train.random_flip
        else None,
        class_captions=loaded.class_image_captions(job.sweep, concept, train.resolution, count),
    )
