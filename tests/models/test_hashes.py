"""Fingerprints follow the values and A1111's rules."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import nn

from dbsweep.models.hashes import file_sha256, weights_sha256


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
