"""How a LoRA's file names the models that it was trained on: without the folders on their way."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.execution.folder import RunFolder
from dbsweep.sweep.kohya_training import named_model


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("models/v1-5.safetensors", "v1-5.safetensors"),
        ("models/folder", "folder"),
        ("owner/name", "owner/name"),
        ("minisd", "minisd"),
        ("gone/deep/model.ckpt", "model.ckpt"),
    ],
)
def test_the_base_model_has_a_name_without_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "folder").mkdir(parents=True)
    (tmp_path / "models" / "v1-5.safetensors").write_text("weights")
    told, file = named_model(base)
    assert told == name
    assert file == (Path(base) if base == "models/v1-5.safetensors" else None)


def test_a_folder_that_looks_like_a_hub_id_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert named_model("owner/name") == ("name", None)


def test_a_checkpoint_is_named_with_its_run(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "demo")
    folder = run.checkpoint("b03", 24)
    folder.mkdir(parents=True)
    assert named_model(str(folder)) == (folder.name, None), "it is nobody's"
    run.ledger.touch()
    run.experiment.touch()
    assert named_model(str(folder)) == ("demo@b03-000024", None)
