"""What the command line asks about runs that exist: the choice, the trials, the list of runs, an export."""

from __future__ import annotations

from pathlib import Path

from dbsweep.errors import RunError
from dbsweep.execution.folder import RunFolder, list_runs
from dbsweep.execution.ledger import Ledger
from dbsweep.records import RunRecord
from dbsweep.reports.listings import chosen


def find_run(run: str, runs: Path) -> RunFolder:
    """The run of this name in the folder of runs, or the run whose folder is given.

    Raises:
        RunError: there is none.
    """
    path = Path(run)
    if (path / "ledger.db").is_file():
        return RunFolder(path.resolve())
    return RunFolder.open(runs, run)


def read_run(folder: RunFolder) -> RunRecord:
    """All that the ledger knows; a run that is going on may be read too."""
    with Ledger.open(folder.ledger, read_only=True) as ledger:
        return ledger.read()


def read_runs(runs: Path) -> list[RunRecord]:
    """The ledgers of all runs in a folder, oldest first."""
    return sorted((read_run(folder) for folder in list_runs(runs)), key=lambda record: record.started)


def export_best(folder: RunFolder, out: Path) -> None:
    """Writes the chosen checkpoint as a diffusers pipeline folder.

    Raises:
        RunError: no choice yet, or the target holds something already.
        ModelError: the base model or the checkpoint cannot be read any more.
    """
    from dbsweep.config.loading import load_experiment
    from dbsweep.models.checkpoints import read_weights
    from dbsweep.models.export import save_pipeline
    from dbsweep.models.loading import load_base
    from dbsweep.sweep.preflight import resolve_base

    record = read_run(folder)
    checkpoint = record.checkpoints[chosen(record).best.checkpoint]
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out} exists already: give a new or empty folder to --export")
    models = load_base(resolve_base(load_experiment(folder.experiment).base_model))
    read_weights(folder.path / checkpoint.path, models)
    save_pipeline(models, out)
