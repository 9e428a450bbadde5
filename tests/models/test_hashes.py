"""Fingerprints follow the values and A1111's rules."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import nn

from dbsweep.models.hashes import KOHYA_SHA256, file_sha256, lora_hash, weights_sha256
from dbsweep.models.safetensors_file import save_tensors, write_weights


def linear(scale: float = 1.0) -> nn.Linear:
    layer = nn.Linear(2, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(6.0).reshape(3, 2) * scale)
        layer.bias.fill_(0.5)
    return layer


def test_equal_values_have_equal_hashes_whatever_their_dtype() -> None:
    assert (
        weights_sha256({"a": linear()})
        == weights_sha256({"a": linear().half()})
        == weights_sha256({"a": linear().bfloat16()})
    )


def test_values_names_and_shapes_count() -> None:
    transposed = nn.Linear(3, 2)
    with torch.no_grad():
        transposed.weight.copy_(torch.arange(6.0).reshape(2, 3))
        transposed.bias.fill_(0.5)
    hashes = {
        weights_sha256({"a": linear()}),
        weights_sha256({"a": linear(1.001)}),
        weights_sha256({"b": linear()}),
        weights_sha256({"a": transposed}),
        weights_sha256({"a": linear(), "b": linear()}),
    }
    assert len(hashes) == 5


def test_the_same_values_in_another_shape_are_other_weights() -> None:
    wide, tall = nn.Linear(3, 2, bias=False), nn.Linear(2, 3, bias=False)
    with torch.no_grad():
        tall.weight.copy_(wide.weight.reshape(3, 2))
    assert weights_sha256({"a": wide}) != weights_sha256({"a": tall})


def test_the_order_of_modules_does_not_count() -> None:
    assert weights_sha256({"a": linear(), "b": linear(2)}) == weights_sha256({"b": linear(2), "a": linear()})


def test_the_prefix_that_transformers_dropped_does_not_count() -> None:
    wrapped = nn.ModuleDict({"text_model": linear()})
    assert weights_sha256({"a": wrapped}) == weights_sha256({"a": linear()})


def test_a_file_s_hash_is_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"weights")
    assert file_sha256(tmp_path / "f") == hashlib.sha256(b"weights").hexdigest()


ADAPTERS = {"lora_unet_mid_block.lora_down.weight": torch.zeros(3)}
ZEROS = hashlib.sha256(bytes(3 * 4)).hexdigest()  # three float32 zeros


def test_a_lora_s_hash_is_twelve_digits_of_what_follows_the_header(tmp_path: Path) -> None:
    write_weights(tmp_path / "a.safetensors", ADAPTERS, {})
    write_weights(tmp_path / "b.safetensors", ADAPTERS, {"ss_output_name": "b"})
    assert lora_hash(tmp_path / "a.safetensors") == lora_hash(tmp_path / "b.safetensors") == ZEROS[:12]
    save_tensors(tmp_path / "c.safetensors", {"unet.to_q.lora_A.weight": torch.zeros(3)})  # peft's, no metadata
    assert lora_hash(tmp_path / "c.safetensors") == ZEROS[:12]


def test_a_hash_that_a_lora_names_counts(tmp_path: Path) -> None:
    """As in A1111: it stays the same where somebody has changed the file's precision."""
    save_tensors(tmp_path / "a.safetensors", ADAPTERS, {KOHYA_SHA256: "0123456789abcdef"})
    assert lora_hash(tmp_path / "a.safetensors") == "0123456789ab"


def test_other_files_have_no_lora_s_hash(tmp_path: Path) -> None:
    save_tensors(tmp_path / "model.safetensors", {"model.diffusion_model.out.2.weight": torch.zeros(3)})
    (tmp_path / "model.ckpt").write_bytes((tmp_path / "model.safetensors").read_bytes())
    (tmp_path / "empty.safetensors").touch()
    (tmp_path / "broken.safetensors").write_bytes((4).to_bytes(8, "little") + b"{\xff\x00}")
    assert [lora_hash(path) for path in tmp_path.iterdir()] == [None] * 4
