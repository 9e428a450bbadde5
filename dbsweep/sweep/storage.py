"""What the driver asks of an experiment's `storage`: whether it can be used, and a checkpoint when one is wanted."""

from __future__ import annotations

from pathlib import Path

from dbsweep.config.schema import Experiment
from dbsweep.errors import ModelError, ResourceError, RunError
from dbsweep.execution.folder import RunFolder
from dbsweep.models.checkpoint_files import lost_files
from dbsweep.records.results import Checkpoint
from dbsweep.sweep.run_settings import read_experiment


def check_storage(experiment: Experiment) -> None:
    """Finds out whether a new run can be kept in the experiment's storage, if it has one.

    Raises:
        ResourceError: it cannot be reached or written.
        RunError: it has a run of that name, of this machine or another.
    """
    if experiment.storage is None:
        return
    from dbsweep.execution.storage.remote_files import reachable  # pyarrow: only who uses it loads it
    from dbsweep.execution.storage.store import Store

    run = RunFolder(experiment.output.absolute() / experiment.name)
    with reachable(experiment.storage):
        store = Store(run.path.parent, experiment.storage)
        if store.holds(run.path / "checkpoints"):
            raise RunError(
                f"storage {experiment.storage} has a run {experiment.name!r} already: choose another name with --name, "
                "or delete it there"
            )
        store.raise_flag(run.stop_request)
        store.lower_flag(run.stop_request)


def way_back(folder: RunFolder) -> str | None:
    """What to do where a run's folder was renamed: its files lie in the storage under the name with which it began."""
    experiment = read_experiment(folder)
    if experiment.storage is None or experiment.name == folder.name:
        return None
    there = f"storage {experiment.storage} has them as run {experiment.name!r}"
    return f"{there}, so give the folder {folder.path} that name again"


def refuse_new_name(folder: RunFolder) -> None:
    """RunError if a run that goes on would not find in the storage what it has left there."""
    if (back := way_back(folder)) is not None:
        raise RunError(f"run {folder.name!r} cannot go on without its checkpoints: {back}")


def bring_checkpoint(folder: RunFolder, checkpoint: Checkpoint) -> Path:
    """The folder of a checkpoint of a run, fetched from the storage if the run has one.

    Raises:
        ResourceError: the storage cannot be reached.
    """
    path = folder.path / checkpoint.path
    storage = read_experiment(folder).storage
    if storage is not None:
        from dbsweep.execution.storage.remote_files import reachable  # pyarrow: only who uses it loads it
        from dbsweep.execution.storage.store import Store

        with reachable(storage):
            Store(folder.path.parent, storage).get(path)
    return path


def bring_base(source: str) -> None:
    """Fetches a checkpoint that serves as base model, and those that it stands on, where their runs have a storage.

    Raises:
        ResourceError: the storage cannot be reached, or has it no longer.
        ModelError: there is no storage, and its files are gone.
    """
    from dbsweep.models.sources import base_below, is_checkpoint

    path = Path(source)
    run = run_of(path)
    if run is not None:
        _bring_from(run, path)
    below = base_below(path) if is_checkpoint(path) else None
    if below is not None:
        bring_base(below.source)


def _bring_from(run: RunFolder, checkpoint: Path) -> None:
    storage = read_experiment(run).storage
    if storage is not None:
        from dbsweep.execution.storage.remote_files import reachable  # pyarrow: only who uses it loads it
        from dbsweep.execution.storage.store import Store

        with reachable(storage):
            if not Store(run.path.parent, storage).get(checkpoint):
                raise ResourceError(
                    f"base model {checkpoint}: storage {storage} does not have it whole any more; take another"
                    " checkpoint"
                )
    elif lost := lost_files(checkpoint):
        raise ModelError(
            f"base model {checkpoint}: the files of this checkpoint of run {run.name!r} are gone or damaged (it lacks"
            f" {' and '.join(lost)}): put them back, or take another checkpoint"
        )


def run_of(checkpoint: Path) -> RunFolder | None:
    """The run that a checkpoint's folder belongs to; None for other paths."""
    if len(checkpoint.parents) < 3:
        return None
    run = RunFolder(checkpoint.parents[2])
    is_its_own = checkpoint.parent == run.branch(checkpoint.parent.name)
    return run if is_its_own and run.ledger.is_file() and run.experiment.is_file() else None
