"""What a single file needs beside its weights is known before a run begins."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from dbsweep.errors import ModelError
from dbsweep.models.single_file import config
from dbsweep.models.single_file.config import (
    SD1_CONFIGS,
    SD2_CONFIGS,
    check_single_file,
    find_config,
    is_sd2_file,
    prediction_beside,
)
from dbsweep.models.sources import BaseSource

UNET, VAE = "model.diffusion_model.out.2.weight", "first_stage_model.quant_conv.weight"
CLIP = "cond_stage_model.transformer.text_model.final_layer_norm.weight"
OPEN_CLIP = "cond_stage_model.model.ln_final.weight"


def write(path: Path, *names: str, **options: Any) -> Path:
    state = {name: torch.zeros(4) for name in names}
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state}, path, **options)
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The repositories that the hub was asked for; it has none."""
    ids: list[str] = []

    def download(hub_id: str, files: object) -> Path:
        ids.append(hub_id)
        raise ModelError("not to be had")

    monkeypatch.setattr(config, "download", download)
    monkeypatch.setattr(config, "find_cached", lambda hub_id, files: None)
    return ids


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("m.safetensors", {}),
        ("m.ckpt", {}),
        ("m.ckpt", {"_use_new_zipfile_serialization": False}),  # torch before 1.6
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("text", "version", "hub_ids"),
    [(CLIP, 1, SD1_CONFIGS), (OPEN_CLIP, 2, SD2_CONFIGS), ("conditioner.embedders.0.model.x", 2, SD2_CONFIGS)],
)
def test_the_configuration_of_its_family_is_asked_for(
    tmp_path: Path,
    asked: list[str],
    name: str,
    options: Mapping[str, Any],
    text: str,
    version: int,
    hub_ids: tuple[str, ...],
) -> None:
    path = write(tmp_path / name, UNET, VAE, text, **options)
    message = rf"{path}: a single file lacks its configuration .* \(Stable Diffusion {version}\) at {tmp_path / 'm'}$"
    with pytest.raises(ModelError, match=message):
        check_single_file(BaseSource(source=str(path)))
    assert is_sd2_file(path) is (version == 2)
    assert asked == [hub_ids[0]]  # the others are in caches alone: see SD2_CONFIGS


@pytest.mark.parametrize("hub_id", SD2_CONFIGS)
def test_a_configuration_that_is_cached_is_not_asked_for(
    tiny_sd: Path, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch, hub_id: str
) -> None:
    cached = {SD2_CONFIGS[0]: tmp_path / "begun", hub_id: tiny_sd}
    monkeypatch.setattr(config, "find_cached", lambda hub_id, files: cached.get(hub_id))
    assert find_config(write(tmp_path / "m.safetensors", UNET, VAE, OPEN_CLIP), sd2=True) == tiny_sd
    assert asked == []


@pytest.mark.parametrize("name", ["m.safetensors", "m.ckpt"])
def test_a_folder_beside_the_file_is_enough(tiny_sd: Path, tmp_path: Path, asked: list[str], name: str) -> None:
    path = write(tmp_path / name, UNET, VAE, CLIP)
    shutil.copytree(tiny_sd, tmp_path / "m", ignore=shutil.ignore_patterns("*.safetensors"))
    check_single_file(BaseSource(source=str(path)))
    (tmp_path / "m" / "unet" / "config.json").unlink()
    with pytest.raises(ModelError, match=r"it lacks unet/config\.json"):
        check_single_file(BaseSource(source=str(path)))
    assert asked == []


def test_another_folder_of_that_name_is_none_of_its_business(tmp_path: Path, asked: list[str]) -> None:
    """As a run's, of which this file was exported."""
    path = write(tmp_path / "m.safetensors", UNET, VAE, CLIP)
    (tmp_path / "m" / "checkpoints").mkdir(parents=True)
    with pytest.raises(ModelError, match="a single file lacks its configuration and tokenizer"):
        check_single_file(BaseSource(source=str(path)))
    assert asked == [SD1_CONFIGS[0]]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("conditioner.embedders.1.x", UNET), "this is an SDXL model"),
        (("lora_unet_x.alpha",), "this is a LoRA, not a model"),
        ((UNET, CLIP), "it has no VAE; name one: vae: "),
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_what_is_no_stable_diffusion_is_told_what_it_is(
    tmp_path: Path, asked: list[str], names: tuple[str, ...], message: str, suffix: str
) -> None:
    path = write(tmp_path / f"m{suffix}", *names)
    with pytest.raises(ModelError, match=message):
        check_single_file(BaseSource(source=str(path)))
    assert asked == []


def test_a_ckpt_whose_names_are_not_to_be_seen_is_left_to_who_loads_it(tmp_path: Path, asked: list[str]) -> None:
    (tmp_path / "m.ckpt").write_bytes(zlib.compress(write(tmp_path / "plain.ckpt", UNET).read_bytes()))
    with pytest.raises(ModelError, match="a single file lacks its configuration and tokenizer"):
        check_single_file(BaseSource(source=str(tmp_path / "m.ckpt")))
    assert asked == [SD1_CONFIGS[0]]


@pytest.mark.parametrize("name", ["m.safetensors", "m.ckpt"])
def test_averaged_weights_that_are_not_there_are_missed_at_once(tmp_path: Path, asked: list[str], name: str) -> None:
    path = write(tmp_path / name, UNET, CLIP, VAE)
    with pytest.raises(ModelError, match="asks for averaged weights, and it has none"):
        check_single_file(BaseSource(source=str(path), ema=True))
    assert asked == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "model",
        "model: {params: {}}",
        "model: {params: 3}",
        "model: {params: {denoiser_config: {}, network_config: {}}}",  # of Stability's later code, which tells it there
    ],
)
def test_a_yaml_that_is_no_original_configuration_tells_nothing(tmp_path: Path, content: str) -> None:
    assert prediction_beside(tmp_path / "m.ckpt") is None
    (tmp_path / "m.yaml").write_text(content)
    assert prediction_beside(tmp_path / "m.ckpt") is None


@pytest.mark.parametrize("content", [b"model: {", b"\xff\xfe\x00"])
def test_a_yaml_that_cannot_be_read_is_told_before_a_run(tmp_path: Path, asked: list[str], content: bytes) -> None:
    path = write(tmp_path / "m.safetensors", UNET, CLIP, VAE)
    (tmp_path / "m.yaml").write_bytes(content)
    with pytest.raises(ModelError, match=rf"{tmp_path / 'm.yaml'} beside it cannot be read; mend it or take it away"):
        check_single_file(BaseSource(source=str(path)))
    assert asked == []


def test_checking_imports_no_torch() -> None:
    code = "import sys; import dbsweep.models.single_file.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
