"""Who carries and drops files is what the experiment's `storage` asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.execution.storage.courier import Courier
from dbsweep.execution.storage.dropping import Dropping
from dbsweep.execution.storage.setting import courier_for, dropping_for
from dbsweep.execution.storage.storage_courier import StorageCourier
from dbsweep.execution.storage.storage_dropping import StorageDropping
from tests.execution.sweeps import make_experiment, make_sweep_job


@pytest.mark.parametrize(
    ("stored", "courier", "dropping"), [(False, Courier, Dropping), (True, StorageCourier, StorageDropping)]
)
def test_with_a_storage_files_travel(tmp_path: Path, stored: bool, courier: type, dropping: type) -> None:
    storage = f"file://{tmp_path}/storage" if stored else None
    job = make_sweep_job(tmp_path / "run", make_experiment(storage=storage))
    assert type(courier_for(job)) is courier
    drops = dropping_for(tmp_path / "run", storage)
    assert type(drops) is dropping
    assert drops.settle() == ""
