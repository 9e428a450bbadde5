"""The experiment's storage before a run begins, and a checkpoint that is fetched when it is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.config.loading import load_experiment
from dbsweep.errors import ResourceError, RunError
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.storage.store import Store
from dbsweep.records.results import Checkpoint
from dbsweep.sweep.answers import refuse_lost
from dbsweep.sweep.storage import bring_checkpoint, check_storage
from tests.execution.sweeps import make_plan
from tests.sweep.files import write_experiment


def test_a_name_that_another_driver_has_used_is_refused(tmp_path: Path) -> None:
    experiment = load_experiment(write_experiment(tmp_path / "here"), [f"storage={tmp_path / 'storage'}"])
    check_storage(experiment)
    check_storage(experiment)  # looking leaves nothing behind that takes the name
    checkpoint = tmp_path / "other" / "demo" / "checkpoints" / "b01" / "000006"
    checkpoint.mkdir(parents=True)
    (checkpoint / "manifest.json").write_text("{}")
    Store(tmp_path / "other", str(tmp_path / "storage")).put(checkpoint)
    with pytest.raises(RunError, match=r"has a run 'demo' already: choose another name with --name"):
        check_storage(experiment)


def test_a_storage_that_cannot_be_written_is_found_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    experiment = load_experiment(write_experiment(tmp_path / "here"), [f"storage={tmp_path / 'file'}"])
    with pytest.raises(ResourceError, match=r"file cannot be used .*: check the address and your rights"):
        check_storage(experiment)


def test_a_checkpoint_is_fetched_when_it_is_wanted(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    experiment = load_experiment(write_experiment(tmp_path / "here"), [f"storage=file://{storage}"])
    folder = RunFolder.create(experiment.output, "demo", experiment, make_plan())
    there = RunFolder(tmp_path / "worker" / "demo").checkpoint("b01", 6)
    there.mkdir(parents=True)
    (there / "unet.safetensors").write_bytes(b"weights")
    Store(tmp_path / "worker", f"file://{storage}").put(there)
    record = Checkpoint(
        id="b01-000006", branch="b01", step=6, epoch=2, path="checkpoints/b01/000006", sha256="", bytes=7
    )
    assert not (folder.path / record.path).exists()
    assert (bring_checkpoint(folder, record) / "unet.safetensors").read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("demo", r"put them back, or take another checkpoint"),
        (
            "moved",
            r"storage /mnt/all has them as run 'demo', so give the folder .*/moved that name again, or take",
        ),
    ],
)
def test_a_run_that_was_renamed_is_told_its_name_in_the_storage(tmp_path: Path, name: str, told: str) -> None:
    experiment = load_experiment(write_experiment(tmp_path / "here"), ["storage=/mnt/all"])
    folder = RunFolder.create(experiment.output, "demo", experiment, make_plan())
    folder = RunFolder(folder.path.rename(folder.path.with_name(name)))
    checkpoint = Checkpoint(id="b01-000006", branch="b01", step=6, epoch=2, path="c", sha256="", bytes=7)
    with pytest.raises(RunError, match=rf"are gone or damaged .*: {told}"):
        refuse_lost(folder, checkpoint)
