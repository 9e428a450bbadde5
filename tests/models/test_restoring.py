"""Networks that were trained have their base model's weights again, or a checkpoint's."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from dbsweep.errors import ModelError
from dbsweep.models import loading
from dbsweep.models.checkpoints import CheckpointManifest, write_checkpoint
from dbsweep.models.hashes import weights_sha256
from dbsweep.models.loading import load_again, load_base
from dbsweep.models.restoring import read_weights, restore_base
from dbsweep.models.single_file import reading
from dbsweep.models.sources import BaseSource
from dbsweep.training.lora import hold_in_half
from tests.models.ldm_layout import ldm_state


def test_restore_undoes_training(tiny_sd: Path) -> None:
    models = load_base(str(tiny_sd))
    trained = {"unet": models.unet, "text_encoder": models.text_encoder}
    before = weights_sha256(trained)
    with torch.no_grad():
        for parameter in (*models.unet.parameters(), *models.text_encoder.parameters()):
            parameter.add_(1.0)
    assert weights_sha256(trained) != before
    restore_base(models)
    assert weights_sha256(trained) == before


def test_restore_refuses_a_base_that_changed(tiny_sd: Path, tmp_path: Path) -> None:
    own_copy = Path(shutil.copytree(tiny_sd, tmp_path / "sd"))
    models = load_base(str(own_copy))
    path = own_copy / "unet" / "diffusion_pytorch_model.safetensors"
    save_file({key: value + 1 for key, value in load_file(path).items()}, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="its files changed"):
        restore_base(models)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is read of networks, by name."""
    names: list[str] = []
    read_network, read_networks, read_vae = loading._read_network, reading.read_networks, reading.read_vae

    def of_folder(cls: Any, folder: Path, source: str, **dtype: torch.dtype) -> nn.Module:
        names.append(folder.name)
        return read_network(cls, folder, source, **dtype)

    def of_file(*args: Any, **options: Any) -> dict[str, nn.Module]:
        names.extend(("unet", "text_encoder"))
        return read_networks(*args, **options)

    def vae_of_file(*args: Any) -> nn.Module:
        names.append("vae")
        return read_vae(*args)

    monkeypatch.setattr(loading, "_read_network", of_folder)
    monkeypatch.setattr(loading, "read_networks", of_file)
    monkeypatch.setattr(loading, "read_vae", vae_of_file)
    monkeypatch.setattr(reading, "read_vae", vae_of_file)
    return names


@pytest.mark.parametrize("kind", ["folder", "file", "checkpoint", "other VAE", "file with other VAE"])
def test_the_vae_is_read_once_for_nothing_trains_it(tiny_sd: Path, tmp_path: Path, read: list[str], kind: str) -> None:
    source = source_of(kind, tiny_sd, tmp_path)
    read.clear()
    models = load_base(source)
    assert sorted(read) == ["text_encoder", "unet", "vae"]
    vae = models.vae
    before = {name: weights_sha256({name: network}) for name, network in models.networks.items()}
    with torch.no_grad():
        for parameter in (*models.unet.parameters(), *models.text_encoder.parameters()):
            parameter.add_(1.0)
    read.clear()
    restore_base(models)
    assert sorted(read) == ["text_encoder", "unet"]
    assert models.vae is vae
    assert {name: weights_sha256({name: network}) for name, network in models.networks.items()} == before


def source_of(kind: str, tiny_sd: Path, tmp_path: Path) -> BaseSource:
    models, vae = load_base(str(tiny_sd)), str(tiny_sd / "vae") if "other" in kind else None
    if "file" in kind:
        shutil.copytree(tiny_sd, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
        save_file(ldm_state(models), tmp_path / "model.safetensors")
        return BaseSource(source=str(tmp_path / "model.safetensors"), vae=vae)
    if kind != "checkpoint":
        return BaseSource(source=str(tiny_sd), vae=vae)
    with torch.no_grad():
        models.unet.conv_in.weight.add_(1.0)
    manifest = CheckpointManifest(
        id="b01-000012", step=12, epoch=1, base_sha256=models.sha256, base=BaseSource(source=str(tiny_sd))
    )
    write_checkpoint(tmp_path / "c", unet=models.unet, text_encoder=None, state=None, manifest=manifest)
    return BaseSource(source=str(tmp_path / "c"))


def test_in_half_precision_all_is_read_again(tiny_sd: Path, read: list[str]) -> None:
    models = load_base(str(tiny_sd), dtype=torch.float16)
    read.clear()
    again = load_again(models)
    assert "vae" in read
    assert again.vae is not models.vae
    assert again.sha256 == models.sha256


def test_a_text_encoder_that_was_not_trained_is_the_bases_again(tiny_sd: Path, tmp_path: Path) -> None:
    models = load_base(str(tiny_sd))
    base = [v.clone() for v in models.text_encoder.state_dict().values()]
    manifest = CheckpointManifest(id="b01-000012", step=12, epoch=1, base_sha256=models.sha256)
    write_checkpoint(tmp_path / "frozen", unet=models.unet, text_encoder=None, state=None, manifest=manifest)
    with torch.no_grad():  # what a worker is left with after reading another branch's checkpoint
        for parameter in models.text_encoder.parameters():
            parameter.mul_(0.99)
    read_weights(tmp_path / "frozen", models)
    assert all(torch.equal(a, b) for a, b in zip(base, models.text_encoder.state_dict().values(), strict=True))


def test_what_a_lora_has_held_in_half_precision_is_the_bases_again(tiny_sd: Path, tmp_path: Path) -> None:
    """Also under a checkpoint of whole networks, and when the base itself draws."""
    models = load_base(str(tiny_sd))
    trained = {"unet": models.unet, "text_encoder": models.text_encoder}
    before = weights_sha256(trained)
    manifest = CheckpointManifest(id="b01-000012", step=12, epoch=1, base_sha256=models.sha256)
    write_checkpoint(tmp_path / "whole", unet=models.unet, text_encoder=None, state=None, manifest=manifest)
    hold_in_half(models.unet.requires_grad_(False), torch.bfloat16)
    assert weights_sha256(trained) != before
    read_weights(tmp_path / "whole", models)
    assert weights_sha256(trained) == before
    hold_in_half(models.unet, torch.bfloat16)
    restore_base(models)
    assert weights_sha256(trained) == before
