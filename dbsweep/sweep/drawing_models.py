"""Models that draw a person's own prompts: a run's checkpoint, or whatever `base_model` takes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dbsweep.config.evaluate import DrawingPrecision, Evaluate
from dbsweep.errors import RunError
from dbsweep.execution.folder import list_runs
from dbsweep.models.checkpoint_files import MANIFEST
from dbsweep.models.hash_cache import file_hashes
from dbsweep.models.native_size import native_size
from dbsweep.models.sources import SINGLE_FILE_SUFFIXES, is_checkpoint
from dbsweep.sampling.settings import DrawSettings
from dbsweep.sweep.answers import find_run
from dbsweep.sweep.found_models import FoundModel, find_model
from dbsweep.sweep.named_models import MINISD
from dbsweep.sweep.preflight import check_model
from dbsweep.sweep.run_settings import read_experiment
from dbsweep.sweep.storage import run_of

# torch takes seconds to import: after the checks.
if TYPE_CHECKING:
    from dbsweep.models.bundle import StableDiffusion

_SD_SIZE = 512


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready to draw.

    Attributes:
        model_hash: 10 hex digits: of a checkpoint those that its run writes, of a single file A1111's, else of the
            weights' values.
        settings: what it is drawn with unless somebody says something else.
    """

    models: StableDiffusion
    model_hash: str
    settings: DrawSettings


@dataclass(frozen=True)
class DrawingModel:
    """A model that has been found, and not loaded.

    Attributes:
        settings: what it draws with unless somebody says something else; the size is a guess where no configuration of
            the model lies here.
        precision: as in `evaluate.precision`.
    """

    found: FoundModel
    settings: DrawSettings
    precision: DrawingPrecision

    def load(self) -> LoadedModel:
        """Loads it, onto the GPU if there is one.

        Raises:
            ModelError: its files cannot be read.
        """
        from dbsweep.execution.loaded import device
        from dbsweep.models.loading import load_base

        models = load_base(self.found.source, device=device())
        if self.found.run is not None:
            _, _, checkpoint = self.found.run
            return LoadedModel(models, checkpoint.sha256[:10], self.settings)
        file, size = Path(self.found.source.source), int(models.unet.config.sample_size) * models.latent_factor
        model_hash = file_hashes(file).short if file.is_file() else models.sha256[:10]
        return LoadedModel(models, model_hash, replace(self.settings, width=size, height=size))


def find_drawing_model(name: str, runs: Path) -> DrawingModel:
    """The model that a name stands for.

    Args:
        name: see `find_model`; the folder of a run's checkpoint is that checkpoint.
        runs: folder of the runs.

    Raises:
        RunError: there is neither such a run nor such a model, or the run has no such checkpoint.
        ModelError: it is a path, and what lies there is no model.
        ResourceError: it lies in a storage that cannot be reached.
    """
    path = Path(name)
    run = run_of(path.absolute()) if is_checkpoint(path) else None
    found = find_model(name if run is None else f"{run.path}@{_id_of(path)}", runs)
    if found.run is not None:
        experiment = read_experiment(found.run[0])
        evaluate, size, clip_skip = experiment.evaluate, experiment.train.resolution, experiment.clip_skip
    else:
        if _looks_like_run(name):
            _tell_runs(name, runs)
        check_model(found.source)
        evaluate, size, clip_skip = Evaluate(), native_size(found.source.source) or _SD_SIZE, 1
    return DrawingModel(found, _settings(evaluate, size, clip_skip), evaluate.precision)


def _looks_like_run(name: str) -> bool:
    """Of what is no run, whether a run is meant: then a person is told which there are.

    A hub id looks like a run's folder: it is one where its first part is a folder of runs.
    """
    path = Path(name)
    if path.exists() or path.suffix in SINGLE_FILE_SUFFIXES or name.lower() == MINISD:
        return False
    return len(path.parts) == 1 or bool(list_runs(path.parent))


def _tell_runs(name: str, runs: Path) -> None:
    try:
        find_run(name, runs)
    except RunError as error:
        raise RunError(f"{error} (nor is there a model of that name)") from error


def _settings(evaluate: Evaluate, size: int, clip_skip: int) -> DrawSettings:
    return DrawSettings(
        negative_prompt=evaluate.negative_prompt,
        images_per_prompt=evaluate.images_per_prompt,
        seed=evaluate.seed,
        guidance_scale=evaluate.guidance_scale,
        num_inference_steps=evaluate.num_inference_steps,
        sampler=evaluate.sampler,
        width=size,
        height=size,
        clip_skip=clip_skip,
    )


def _id_of(checkpoint: Path) -> str:
    return str(json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))["id"])
