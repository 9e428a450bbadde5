"""What the driver sends to a storage and fetches from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob
from dbsweep.execution.storage.exchange import StorageExchange
from dbsweep.execution.storage.store import INPUTS, Store
from dbsweep.models.checkpoint_files import MANIFEST, TENSORS, TREE
from dbsweep.models.sources import BaseSource
from dbsweep.records.events import CheckpointScored
from dbsweep.records.results import Checkpoint, StepLog
from tests.execution.sweeps import make_experiment, make_sweep_job

LOG = StepLog(
    step=2, loss=0.1, instance_loss=0.1, prior_loss=0.0, learning_rate=0.0, grad_norm=0.0, steps_per_s=1.0,
    memory_bytes=0,
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "runs" / "demo")


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"file://{tmp_path}/storage"


def folder(path: Path, *names: str) -> str:
    path.mkdir(parents=True)
    for name in names:
        (path / name).write_text(f"{path.name} {name}", encoding="utf-8")
    return str(path)


def make_job(run: RunFolder, photos: Path, base: BaseSource, **changes: object) -> SweepJob:
    """A job with one photo in a folder of its own, and own class images, held-out photos where there are any."""
    concept = make_experiment().model_dump(exclude_unset=True)["concepts"][0]
    concept |= {"instance_images": folder(photos, "0.png"), **changes}
    return make_sweep_job(run.path, make_experiment(concepts=[concept])).model_copy(update={"base": base})


def arrived(run: RunFolder, storage: str, place: str) -> list[str]:
    """The files that a worker gets from a place below the inputs."""
    store, path = Store(run.path.parent, storage), run.path.parent / INPUTS / place
    assert store.get(path)
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())


def test_all_that_lies_on_the_drivers_disk_is_sent_and_nothing_else(
    tmp_path: Path, run: RunFolder, storage: str
) -> None:
    own, held_out, vae, encoder = (folder(tmp_path / name, "0.png") for name in ("own", "held", "vae", "encoder"))
    job = make_job(
        run,
        tmp_path / "photos",
        BaseSource(source="owner/hub-id", vae=vae),
        class_images={"folder": own},
        validation_images=held_out,
    )
    places = StorageExchange(run, storage).equip(job.model_copy(update={"encoder": encoder})).inputs
    assert set(places) == {str(tmp_path / "photos"), own, held_out, vae, encoder}
    assert len(set(places.values())) == 5
    assert all(arrived(run, storage, place) == ["0.png"] for place in places.values())


def test_a_checkpoint_is_sent_without_its_state_and_with_all_that_it_stands_on(
    tmp_path: Path, run: RunFolder, storage: str
) -> None:
    base = folder(tmp_path / "base", "model_index.json", ".hidden")
    first, second = (folder(tmp_path / name, "unet.safetensors", TENSORS, TREE) for name in ("first", "second"))
    for checkpoint, below in ((first, base), (second, first)):
        Path(checkpoint, MANIFEST).write_text(json.dumps({"base": {"source": below}}), encoding="utf-8")
    equipped = StorageExchange(run, storage).equip(make_job(run, tmp_path / "photos", BaseSource(source=second)))
    assert equipped.base.below == BaseSource(source=first, below=BaseSource(source=base))
    assert arrived(run, storage, equipped.inputs[second]) == [MANIFEST, "unet.safetensors"]
    assert arrived(run, storage, equipped.inputs[first]) == [MANIFEST, "unet.safetensors"]
    assert arrived(run, storage, equipped.inputs[base]) == ["model_index.json"]


def test_a_model_in_one_file_is_sent_alone(tmp_path: Path, run: RunFolder, storage: str) -> None:
    model = Path(folder(tmp_path / "models", "sd.safetensors", "other.safetensors")) / "sd.safetensors"
    places = (
        StorageExchange(run, storage).equip(make_job(run, tmp_path / "photos", BaseSource(source=str(model)))).inputs
    )
    key, name = places[str(model)].split("/")
    assert (name, arrived(run, storage, key)) == ("sd.safetensors", ["sd.safetensors"])


def test_what_a_model_in_one_file_is_read_with_goes_along(tmp_path: Path, run: RunFolder, storage: str) -> None:
    """Elsewhere it would be read with the hub's configuration, and may predict something else."""
    model = Path(folder(tmp_path / "models", "sd.safetensors", "sd.yaml")) / "sd.safetensors"
    folder(tmp_path / "models" / "sd" / "unet", "config.json", "diffusion_pytorch_model.safetensors")
    job = make_job(run, tmp_path / "photos", BaseSource(source=str(model)))
    key, _ = StorageExchange(run, storage).equip(job).inputs[str(model)].split("/")
    assert arrived(run, storage, key) == ["sd.safetensors", "sd.yaml", "sd/unet/config.json"]


def test_pictures_that_could_not_be_fetched_are_tried_once_more(
    tmp_path: Path, run: RunFolder, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def get(store: Store, images: Path) -> bool:
        asked.append(int(images.name))
        if asked == [2]:
            raise OSError("the network is away")
        return True

    monkeypatch.setattr(Store, "get", get)
    exchange = StorageExchange(run, storage)
    for step in (2, 4):
        checkpoint = Checkpoint(id="x", branch="b01", step=step, epoch=1, path="x", sha256="0", bytes=0)
        exchange.hear(CheckpointScored(checkpoint=checkpoint, log=LOG, scorecard=None, verdict=None))
    exchange.settle()
    exchange.settle()
    assert asked == [2, 4, 2]
