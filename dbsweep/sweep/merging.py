"""What a run has taught, put into another model of the same family."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, TypeAlias

from dbsweep.errors import InputError, RunError
from dbsweep.models.hash_cache import FileHashes, file_hashes
from dbsweep.models.places import refusing
from dbsweep.models.sources import is_hub_id
from dbsweep.sweep.answers import find_run
from dbsweep.sweep.exporting import PrecisionName, new_path, origin_of, refuse_pickle
from dbsweep.sweep.found_models import FoundModel, find_model
from dbsweep.sweep.kohya_training import named_model
from dbsweep.sweep.preflight import check_model
from dbsweep.sweep.run_settings import read_experiment

# torch takes seconds to import: after the checks.
if TYPE_CHECKING:
    from dbsweep.models.bundle import StableDiffusion
    from dbsweep.models.export.metadata import MergePart, Origin
    from dbsweep.models.merging import SetAside

Note: TypeAlias = Callable[[str], None]
MergeFormat: TypeAlias = Literal["single-file", "diffusers"]


@dataclass(frozen=True, slots=True)
class Merged:
    """What was written.

    Attributes:
        path: the file or folder.
        hashes: as A1111 shows them; None for a folder, which has none.
    """

    path: Path
    hashes: FileHashes | None


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is merged: ``custom + multiplier (trained - base)``.

    Attributes:
        custom, trained, base: models as `base_model` of an experiment names them, or ``RUN[@CHECKPOINT]``; without a
            base that of ``trained``, which then is a checkpoint.
        multipliers: a model is written for each.
    """

    custom: str
    trained: str
    base: str | None
    multipliers: Sequence[float]


@dataclass(frozen=True, slots=True)
class _Difference:
    """What a model has learned beyond another.

    Attributes:
        origin: of the learned, where it is a run's.
    """

    weights: SetAside
    trained: MergePart
    base: MergePart
    origin: Origin | None


def merge(
    recipe: Recipe, runs: Path, out: Path, *, form: MergeFormat, precision: PrecisionName, note: Note
) -> Iterator[Merged]:
    """Writes merged models, each whole or not at all, and tells of each when it is there.

    Args:
        out: a new path; where there are several multipliers, each is added to its name.
        note: told what is going on, one line at a time.

    Raises:
        InputError: a multiplier is not finite.
        RunError: no such run or checkpoint, no base, or a target exists or cannot be written.
        ModelError: a model cannot be read, or they are not of one kind.
        ResourceError: the disk is full, or a storage cannot be reached.
    """
    targets = _targets(out, recipe.multipliers, form)
    custom, trained = find_model(recipe.custom, runs), find_model(recipe.trained, runs)
    base = _base_of(trained, recipe.trained, runs) if recipe.base is None else find_model(recipe.base, runs)
    for model in (custom, trained, base):
        check_model(model.source)
    with ExitStack() as stack:
        with refusing(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            # Beside the target, where there is room for models; the system's own folder may lie in memory.
            folder = Path(stack.enter_context(TemporaryDirectory(prefix=".merge-", dir=out.parent)))
        difference = _difference(trained, base, folder, whole=recipe.base is not None, note=note)
        for multiplier, path in targets.items():
            yield _merged(custom, difference, multiplier, path, form=form, precision=precision, note=note)


def _targets(out: Path, multipliers: Sequence[float], form: MergeFormat) -> dict[float, Path]:
    """The path for each multiplier: of several, ``mix.safetensors`` becomes ``mix-0.75.safetensors``."""
    for multiplier in multipliers:
        if not math.isfinite(multiplier):
            raise InputError(f"--multiplier must be a finite number, got {multiplier}")
    with refusing(out):
        is_file = form == "single-file"
        if is_file:
            refuse_pickle(out)
        if len(set(multipliers)) == 1 or (is_file and out.is_dir()):  # which is refused
            return {multipliers[0]: new_path(out, form)}
        name = out.absolute().name
        stem, suffix = (name.removesuffix(".safetensors"), ".safetensors") if is_file else (name, "")
        names = {each: f"{stem}-{str(each).removesuffix('.0')}{suffix}" for each in multipliers}
        return {each: new_path(out.parent / name, form) for each, name in names.items()}


def _base_of(trained: FoundModel, name: str, runs: Path) -> FoundModel:
    if trained.run is None or trained.source.below is None:
        if not is_hub_id(name) and not Path(name).exists():
            find_run(name, runs)  # says which runs there are
        raise RunError(
            f"{trained.name} is no run in {runs}, so its base model is not known: give a run or RUN@CHECKPOINT, or "
            "name by --base what it was trained from"
        )
    return FoundModel(named_model(read_experiment(trained.run[0]).base_model)[0], trained.source.below)


def _load(model: FoundModel, note: Note) -> StableDiffusion:
    from dbsweep.models.loading import load_base

    note(f"Loading {model.name}")
    return load_base(model.source)


def _difference(trained: FoundModel, base: FoundModel, folder: Path, *, whole: bool, note: Note) -> _Difference:
    from dbsweep.models.merging import set_aside, take_difference

    models = _load(base, note)
    base_part = _part(base, models)
    with refusing(folder):
        aside = set_aside(models, base.name, folder / "base.safetensors")
    del models  # before the next one comes
    models = _load(trained, note)
    trained_part = _part(trained, models)
    with refusing(folder):
        weights = take_difference(models, trained.name, aside, folder / "difference.safetensors")
    if weights.changes_vae:
        note(f"{trained.name} has another VAE than {base.name}: the difference is added to the VAE too")
    return _Difference(weights, trained_part, base_part, _origin(trained, whole=whole))


def _merged(
    custom: FoundModel,
    difference: _Difference,
    multiplier: float,
    path: Path,
    *,
    form: MergeFormat,
    precision: PrecisionName,
    note: Note,
) -> Merged:
    from dbsweep.models.export.whole import save_pipeline, save_single_file
    from dbsweep.models.merging import add_difference
    from dbsweep.models.precision import Precision

    dtype = Precision(precision).dtype
    models = _load(custom, note)
    note(f"Adding {multiplier:g} times what {difference.trained.name} has learned, and writing {path}")
    metadata = _metadata(models, custom, difference, multiplier)
    add_difference(models, custom.name, difference.weights, multiplier, dtype)
    with refusing(path):
        if form == "diffusers":
            save_pipeline(models, path, dtype=dtype)
            return Merged(path, None)
        save_single_file(models, path, metadata=metadata, dtype=dtype)
        return Merged(path, file_hashes(path))


def _metadata(
    models: StableDiffusion, custom: FoundModel, difference: _Difference, multiplier: float
) -> dict[str, str]:
    """What the file says: as an export of the training would, and what it is a merge of."""
    from dbsweep.models.export.metadata import Origin, describe, describe_merge

    trained, base = difference.trained, difference.base
    resolution = int(models.unet.config.sample_size) * models.latent_factor
    origin = difference.origin or Origin(title="", date="", resolution=resolution)
    known = _origin(custom, whole=True)
    subjects = [each.trigger_phrase for each in (known, origin) if each is not None and each.trigger_phrase]
    told = {
        "title": f"{custom.name} + {multiplier:g} ({trained.name} - {base.name})",
        "trigger_phrase": ", ".join(dict.fromkeys(subjects)),
    }
    merged = describe_merge(_part(custom, models), trained, base, multiplier)
    return describe(models, origin.model_copy(update=told)) | merged


def _part(model: FoundModel, loaded: StableDiffusion) -> MergePart:
    from dbsweep.models.export.metadata import MergePart

    path = Path(model.source.source)
    if not path.is_file():
        return MergePart(name=model.name, sha256=loaded.sha256)
    hashes = file_hashes(path)
    return MergePart(name=model.name, sha256=hashes.sha256, old=hashes.old)


def _origin(model: FoundModel, *, whole: bool) -> Origin | None:
    """What an export of a run's checkpoint tells; None of other models. For `whole` see `origin_of`."""
    if model.run is None:
        return None
    from dbsweep.models.checkpoints import read_manifest

    return origin_of(*model.run, read_manifest(Path(model.source.source)), whole=whole)
