"""The size that a base model was made for is read from its configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dbsweep.minisd.paths import pipeline_path
from dbsweep.models.export.whole import save_single_file
from dbsweep.models.loading import load_base
from dbsweep.models.native_size import native_size, skips_a_layer, version_of
from dbsweep.models.single_file.ldm_layout import is_open_clip
from tests.tiny_models import write_pipeline


def write_config(folder: Path, sample_size: object) -> Path:
    """The two files that tell, as SD's have them: four blocks in the VAE, so 8 pixels a latent."""
    for network, content in (
        ("unet", {"sample_size": sample_size}),
        ("vae", {"block_out_channels": [128, 256, 512, 512]}),
    ):
        (folder / network).mkdir(parents=True)
        (folder / network / "config.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("sample_size", "pixels"), [(64, 512), (96, 768), ([64, 96], None)])
def test_latents_times_eight(tmp_path: Path, sample_size: object, pixels: int | None) -> None:
    assert native_size(str(write_config(tmp_path / "sd", sample_size))) == pixels


def test_minisd_is_made_for_64_pixels() -> None:
    assert native_size(str(pipeline_path())) == 64


def test_a_single_file_is_told_by_the_folder_beside_it(tmp_path: Path) -> None:
    write_config(tmp_path / "model", 96)
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "other.safetensors").touch()
    assert native_size(str(tmp_path / "model.safetensors")) == 768
    assert native_size(str(tmp_path / "other.safetensors")) is None


def test_nothing_is_fetched_and_damage_is_not_ours_to_tell(tmp_path: Path) -> None:
    assert native_size("nobody/nothing") is None
    (write_config(tmp_path / "sd", 64) / "unet" / "config.json").write_text("{", encoding="utf-8")
    assert native_size(str(tmp_path / "sd")) is None


@pytest.mark.parametrize(("version", "skips"), [(1, False), (2, True)])
def test_the_text_encoder_of_sd_2_ends_before_its_last_layer(tmp_path: Path, version: int, skips: bool) -> None:
    assert skips_a_layer(str(write_pipeline(tmp_path / "sd", version=version))) is skips
    assert not skips_a_layer("nobody/nothing")
    for name, text in {"1": "transformer.text_model.", "2": "model."}.items():
        path = tmp_path / f"{name}.safetensors"
        save_file({f"cond_stage_model.{text}ln_final.weight": torch.zeros(1)}, path)
        assert skips_a_layer(str(path)) is (name == "2")


@pytest.mark.parametrize("version", [1, 2])
def test_a_model_tells_its_version(tmp_path: Path, version: int) -> None:
    models = load_base(str(write_pipeline(tmp_path / "sd", version=version)))
    assert version_of(str(tmp_path / "sd")) == (2 if is_open_clip(models) else 1) == version
    save_single_file(models, tmp_path / "sd.safetensors", metadata={})
    (tmp_path / "sd").rename(tmp_path / "away")
    assert version_of(str(tmp_path / "sd.safetensors")) == version


@pytest.mark.parametrize("source", ["nobody/nothing", "no/such/folder"])
def test_nothing_tells_no_version(source: str) -> None:
    assert version_of(source) is None


def test_looking_imports_no_torch() -> None:
    code = "import sys; from dbsweep.models.native_size import native_size; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
