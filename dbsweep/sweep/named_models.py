"""What the names of models in an experiment file stand for: the embedded ones, and the base below a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

# Rooms that load torch are imported where they are used, so that planning starts at once.
if TYPE_CHECKING:
    from dbsweep.config.schema import Experiment
    from dbsweep.models.sources import BaseSource

MINISD = "minisd"
"""The name of the embedded base model and of its CLIP in an experiment file."""


def base_source(experiment: Experiment) -> BaseSource:
    """The base model of an experiment, and what is taken of it."""
    from dbsweep.models.sources import BaseSource

    vae = None if experiment.vae is None else resolve_model(experiment.vae)
    return BaseSource(source=resolve_model(experiment.base_model), ema=experiment.base_model_ema, vae=vae)


def custom_source(into: str) -> BaseSource:
    """A model that a grid merges into; of a file that has two halves the plain one."""
    from dbsweep.models.sources import BaseSource

    return BaseSource(source=resolve_model(into))


def resolve_model(source: str) -> str:
    """A folder, file or hub id for a name of a base model or VAE that is no checkpoint's."""
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


def with_base_of_base(experiment: Experiment) -> Experiment:
    """With the base model that a checkpoint as base model goes back to: it is as large, and its name tells its size.

    And of a hub id with its folder in the hub's cache, if it has one, where files tell the size.
    """
    from dbsweep.models.single_file.other_kinds import cached_folder
    from dbsweep.sweep.run_settings import read_experiment
    from dbsweep.sweep.storage import run_of

    run = run_of(Path(experiment.base_model))  # by its run, for with a storage the checkpoint itself may not be here
    if run is None:
        cached = cached_folder(experiment.base_model)
        return experiment if cached is None else experiment.model_copy(update={"base_model": str(cached)})
    below = with_base_of_base(read_experiment(run))
    return experiment.model_copy(update={"base_model": below.base_model})
