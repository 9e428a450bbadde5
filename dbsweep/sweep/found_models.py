"""Models that a person names on the command line: a run's checkpoint, or whatever `base_model` takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dbsweep.execution.folder import RunFolder
from dbsweep.models.sources import BaseSource
from dbsweep.records.results import Checkpoint
from dbsweep.records.run import RunRecord
from dbsweep.sweep.answers import find_checkpoint, refuse_lost
from dbsweep.sweep.kohya_training import named_model
from dbsweep.sweep.named_models import MINISD, base_source, resolve_model
from dbsweep.sweep.run_settings import read_experiment
from dbsweep.sweep.storage import bring_checkpoint


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model by its name, which has not been looked at unless it is a run's.

    Attributes:
        name: without folders.
        run: where it is a run's checkpoint.
    """

    name: str
    source: BaseSource
    run: tuple[RunFolder, RunRecord, Checkpoint] | None = None


def find_model(name: str, runs: Path) -> FoundModel:
    """What a name stands for: ``RUN`` or ``RUN@CHECKPOINT`` (see `find_checkpoint`), else a base model.

    Raises:
        RunError: the run has no such checkpoint, or its files are gone.
        ResourceError: they lie in a storage that cannot be reached.
    """
    if not _names_run(name, runs):
        return FoundModel(named_model(name)[0], BaseSource(source=resolve_model(name)))
    folder, record, checkpoint = find_checkpoint(name, runs, interrupted=True)
    path = bring_checkpoint(folder, checkpoint)
    refuse_lost(folder, checkpoint)
    source = BaseSource(source=str(path), below=base_source(read_experiment(folder)))
    return FoundModel(f"{record.name}@{checkpoint.id}", source, (folder, record, checkpoint))


def _names_run(name: str, runs: Path) -> bool:
    if "@" in name and not Path(name).exists():
        return True
    return name != MINISD and any((folder / name / "ledger.db").is_file() for folder in (Path(), runs))
