"""What nothing needs any more is taken off where it lies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dbsweep.execution.storage.setting import dropping_for
from dbsweep.execution.storage.store import Store
from dbsweep.records.results import Checkpoint

CHECKPOINT = Checkpoint(
    id="b01-000006", branch="b01", step=6, epoch=2, path="checkpoints/b01/000006", sha256="", bytes=9
)
FILES = {"unet.safetensors": "1234", "state.safetensors": "123", "state.json": "12"}


def write_checkpoint(run: Path) -> Path:
    folder = run / CHECKPOINT.path
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "manifest.json").write_text(json.dumps({"files": dict.fromkeys(FILES, "hash"), "bytes": 9}))
    return folder


@pytest.mark.parametrize("stored", [True, False], ids=["in the storage", "on the disk"])
def test_state_and_weights_go_and_the_manifest_knows(tmp_path: Path, stored: bool) -> None:
    uri = f"file://{tmp_path}/storage" if stored else None
    folder = write_checkpoint(tmp_path / "worker" / "demo")
    if stored:
        Store(tmp_path / "worker", str(uri)).put(folder)
    dropping = dropping_for(tmp_path / ("driver" if stored else "worker") / "demo", uri)
    dropping.state(CHECKPOINT)
    assert dropping.settle() == ""
    assert read(tmp_path, folder, uri) == ({"unet.safetensors"}, 4)
    dropping.weights(CHECKPOINT)
    dropping.weights(CHECKPOINT)  # told twice, as after a resumption
    assert dropping.settle() == ""
    assert read(tmp_path, folder, uri) == (set(), 0)


def read(tmp_path: Path, folder: Path, uri: str | None) -> tuple[set[str], int]:
    """Files beside the manifest, and what it says of them; of the storage as a machine gets it."""
    if uri is not None:
        other = tmp_path / "other"
        folder = other / "demo" / CHECKPOINT.path
        for file in folder.glob("*"):
            file.unlink()
        assert Store(other, uri).get(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    there = {file.name for file in folder.iterdir()} - {"manifest.json"}
    assert there == set(manifest["files"])
    return there, manifest["bytes"]
