"""Networks that were trained have their base model's weights again, or a checkpoint's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dbsweep.errors import ModelError
from dbsweep.models.checkpoints import CheckpointManifest, write_checkpoint
from dbsweep.models.hashes import weights_sha256
from dbsweep.models.loading import load_base
from dbsweep.models.restoring import read_weights, restore_base
from dbsweep.training.lora import hold_in_half


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
