"""Who carries a worker's files, and who drops them: what the experiment's `storage` asks for."""

from __future__ import annotations

from pathlib import Path

from dbsweep.execution.jobs import SweepJob
from dbsweep.execution.storage.courier import Courier
from dbsweep.execution.storage.dropping import Dropping


def courier_for(sweep: SweepJob) -> Courier:
    """A worker's courier."""
    storage = sweep.experiment.storage
    if storage is None:
        return Courier(sweep)
    from dbsweep.execution.storage.storage_courier import StorageCourier  # torch and pyarrow

    return StorageCourier(sweep, storage)


def dropping_for(run_folder: Path, storage: str | None) -> Dropping:
    """What takes a run's files away."""
    if storage is None:
        return Dropping(run_folder)
    from dbsweep.execution.storage.storage_dropping import StorageDropping  # pyarrow

    return StorageDropping(run_folder, storage)
