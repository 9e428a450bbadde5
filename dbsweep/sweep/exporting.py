"""A checkpoint of a run as a model for other programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from dbsweep.errors import InputError, ModelError, RunError
from dbsweep.execution.folder import RunFolder
from dbsweep.models.places import refusing
from dbsweep.records.results import Checkpoint
from dbsweep.records.run import RunRecord
from dbsweep.sweep.answers import find_checkpoint, refuse_lost
from dbsweep.sweep.kohya_training import kohya_training
from dbsweep.sweep.named_models import base_source
from dbsweep.sweep.run_settings import read_experiment
from dbsweep.sweep.storage import bring_base, bring_checkpoint, run_of

# torch takes seconds to import: after the checks.
if TYPE_CHECKING:
    from dbsweep.config.schema import Experiment
    from dbsweep.models.bundle import StableDiffusion
    from dbsweep.models.checkpoints import CheckpointManifest
    from dbsweep.models.export.metadata import Origin

Format: TypeAlias = Literal["single-file", "diffusers", "lora", "peft"]
PrecisionName: TypeAlias = Literal["fp16", "bf16", "fp32"]

_PICKLES = (".ckpt", ".pt", ".pth", ".bin")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        path: the file or folder.
        model_hash: as A1111 shows it: 10 hex digits of a model's file, 12 of a LoRA's weights; None for a folder, which
            has none.
    """

    path: Path
    model_hash: str | None


def export_checkpoint(
    name: str,
    runs: Path,
    out: Path,
    *,
    form: Format,
    precision: PrecisionName | None = None,
    with_captions: bool = True,
    note: Callable[[str], None],
) -> Exported:
    """Writes a checkpoint whole or not at all.

    Args:
        name: ``RUN[@CHECKPOINT]``, see `find_checkpoint`.
        out: a new path; ``.safetensors`` is added to a file's name where it lacks.
        precision: of the weights; None is the precision that the checkpoint was kept in.
        with_captions: a LoRA of kohya's kind tells what its photos' prompts were.
        note: told what is going on, one line at a time.

    Raises:
        RunError: no such checkpoint or its files are gone, or the target exists or cannot be written.
        ModelError: the base model or the checkpoint cannot be read any more; a LoRA
            of whole networks, or a kohya file of DoRA.
        ResourceError: the disk is full.
    """
    with refusing(out):
        out = new_path(out, form)
    folder, record, checkpoint = find_checkpoint(name, runs, interrupted=True)
    manifest = _manifest(folder, checkpoint, form)
    note(f"Loading the base model of {record.name}")
    models = _load(folder, checkpoint, form)
    note(f"Writing {checkpoint.id} to {out}")
    origin = origin_of(folder, record, checkpoint, manifest, whole=form not in ("lora", "peft"))
    if form == "lora":
        told = kohya_training(folder, record, checkpoint, manifest, with_captions=with_captions, note=note)
        origin = origin.model_copy(update={"kohya": told})
    with refusing(out):
        return _write(models, manifest, origin, out, form, precision)


def new_path(out: Path, form: Format) -> Path:
    """The file or folder to write, which may be an empty folder that is there."""
    if form == "diffusers":
        is_taken = out.exists() and not (out.is_dir() and not any(out.iterdir()))
    else:
        if out.is_dir():
            raise RunError(f"{out} is a folder: give the name of a file in it")
        refuse_pickle(out)
        out = out if out.suffix == ".safetensors" else out.with_name(f"{out.name}.safetensors")
        is_taken = out.exists()
    if is_taken:
        raise RunError(f"{out} exists already: nothing is overwritten, give a new path")
    return out


def refuse_pickle(out: Path) -> None:
    """InputError for the name of a pickle, which nothing here writes."""
    if out.suffix.lower() in _PICKLES:
        raise InputError(
            f"--out {out}: models are written as .safetensors, which A1111, ComfyUI and Forge read; call it "
            f"{out.with_suffix('.safetensors').name}"
        )


def _manifest(folder: RunFolder, checkpoint: Checkpoint, form: Format) -> CheckpointManifest:
    """What a checkpoint holds, fetched from the storage if the run has one.

    Raises:
        ModelError: it is not what the format writes, which is told before a base model is read.
    """
    from dbsweep.models.checkpoints import lora_shape, read_manifest
    from dbsweep.models.export.lora_files import NO_DORA

    path = bring_checkpoint(folder, checkpoint)
    refuse_lost(folder, checkpoint)
    manifest = read_manifest(path)
    if form in ("lora", "peft"):
        shape = lora_shape(path, manifest)
        if form == "lora" and shape.dora:
            raise ModelError(NO_DORA)
    return manifest


def _load(folder: RunFolder, checkpoint: Checkpoint, form: Format) -> StableDiffusion:
    from dbsweep.models.checkpoints import attach_lora, read_onto_base
    from dbsweep.models.loading import load_base

    path, experiment = folder.path / checkpoint.path, read_experiment(folder)
    bring_base(experiment.base_model)
    models = load_base(base_source(experiment))
    if form in ("lora", "peft"):
        attach_lora(path, models)
    else:
        read_onto_base(path, models)
    return models


def origin_of(
    folder: RunFolder, record: RunRecord, checkpoint: Checkpoint, manifest: CheckpointManifest, *, whole: bool
) -> Origin:
    """A `whole` model knows the subjects of its base too, if that is a run's checkpoint."""
    from dbsweep.models.export.metadata import Origin

    experiment, branch = read_experiment(folder), record.branch_of(checkpoint)
    train = experiment.train_for({**branch.settings, **manifest.savings})
    given = train.model_dump(mode="json", exclude_defaults=True, exclude=set(branch.settings))
    began = datetime.fromtimestamp(int(record.started), UTC)  # files' times change when they are copied or fetched
    return Origin(
        title=f"{record.name} {checkpoint.id}",
        date=began.isoformat(),
        resolution=train.resolution,
        trigger_phrase=", ".join(_tokens(experiment, with_base=whole)),
        clip_skip=experiment.clip_skip,
        base_sha256=manifest.base_sha256,
        checkpoint=f"{record.name}@{checkpoint.id}",
        settings={**given, **train.model_dump(mode="json", include=set(branch.settings))},
    )


def _tokens(experiment: Experiment, *, with_base: bool) -> list[str]:
    """Instance tokens, the oldest first, each once."""
    run = run_of(Path(experiment.base_model)) if with_base else None
    older = [] if run is None else _tokens(read_experiment(run), with_base=True)
    return list(dict.fromkeys((*older, *(concept.instance_token for concept in experiment.concepts))))


def _write(
    models: StableDiffusion,
    manifest: CheckpointManifest,
    origin: Origin,
    out: Path,
    form: Format,
    precision: PrecisionName | None,
) -> Exported:
    from dbsweep.models.export.lora import take_lora
    from dbsweep.models.export.lora_files import save_kohya, save_peft
    from dbsweep.models.export.metadata import describe
    from dbsweep.models.export.whole import save_pipeline, save_single_file
    from dbsweep.models.hash_cache import file_hashes
    from dbsweep.models.hashes import lora_hash
    from dbsweep.models.precision import Precision

    dtype = (manifest.precision if precision is None else Precision(precision)).dtype
    if form == "diffusers":
        save_pipeline(models, out, dtype=dtype)
        return Exported(out, None)
    if form in ("lora", "peft"):
        networks = {"unet": models.unet, "text_encoder": models.text_encoder}
        save = save_kohya if form == "lora" else save_peft
        save(take_lora(networks), models, out, origin=origin, dtype=dtype)
        return Exported(out, lora_hash(out))
    save_single_file(models, out, metadata=describe(models, origin), dtype=dtype)
    return Exported(out, file_hashes(out).short)
