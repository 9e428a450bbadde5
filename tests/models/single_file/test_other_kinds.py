"""A model of another kind is told without a download, from what lies here or from its name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dbsweep.errors import ModelError
from dbsweep.models.single_file.other_kinds import kind_by_name, refuse_other_models
from tests.models.test_hub import snapshot

XL = {"_class_name": "StableDiffusionXLPipeline"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the hub without anything."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_folders_files_and_cached_hub_ids_of_sdxl_are_refused(cache: Path, tmp_path: Path) -> None:
    folder, file, pickle = tmp_path / "xl", tmp_path / "xl.safetensors", tmp_path / "xl.ckpt"
    folder.mkdir()
    weights = {"conditioner.embedders.1.model.ln_final.weight": torch.zeros(1)}
    save_file(weights, file)
    torch.save({"state_dict": weights}, pickle)
    for index in (folder, snapshot(cache, "somebody/mine")):
        (index / "model_index.json").write_text(json.dumps(XL))
    for source in (str(folder), str(file), str(pickle), "somebody/mine"):
        with pytest.raises(ModelError, match=f"base model {source}: this is an SDXL model; only"):
            refuse_other_models(source)


def test_what_may_be_right_passes(cache: Path, tiny_sd: Path, tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").write_bytes(b"")
    for source in (str(tiny_sd), str(tmp_path), str(tmp_path / "model.ckpt"), "somebody/new", str(tmp_path / "gone")):
        refuse_other_models(source)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("stabilityai/stable-diffusion-xl-base-1.0", "an SDXL model"),
        ("somebody/my-SDXL", "an SDXL model"),
        ("stabilityai/stable-diffusion-3-medium-diffusers", "a Stable Diffusion 3 model"),
        ("black-forest-labs/FLUX.1-dev", "a Flux model"),
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", None),
        ("somebody/sdxl/folder", None),
    ],
)
@pytest.mark.usefixtures("cache")
def test_the_name_of_a_hub_id_tells_its_kind(name: str, kind: str | None) -> None:
    assert kind_by_name(name) == kind


def test_what_lies_here_is_not_judged_by_its_name(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (snapshot(cache, "me/not-sdxl") / "model_index.json").write_text("{}")
    assert kind_by_name("me/not-sdxl") is None
    (tmp_path / "you" / "not-sdxl").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert kind_by_name("you/not-sdxl") is None


def test_telling_imports_no_torch() -> None:
    code = (
        "import sys; from dbsweep.models.single_file.other_kinds import kind_by_name, refuse_other_models as r;"
        " r('a/b'); kind_by_name('a/b'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
