"""Nested state comes back as it was, tensors that share memory too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dbsweep.models.tensor_tree import read_tree, write_tree


def test_nested_values_come_back(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a": {3: torch.arange(6).reshape(2, 3).T}, "b": [None, True, 0.5, "x", ()], "c": {}})
    back = read_tree(tmp_path)
    assert torch.equal(back["a"][3], torch.arange(6).reshape(2, 3).T)  # type: ignore[index, arg-type]
    assert (back["b"], back["c"]) == ([None, True, 0.5, "x", []], {})


def test_tensors_that_share_memory_come_back(tmp_path: Path) -> None:
    whole = torch.arange(12.0)
    write_tree(tmp_path, {"whole": whole, "part": whole[2:5], "again": whole, "other": torch.ones(2)})
    back = read_tree(tmp_path)
    expected = {"whole": whole, "part": whole[2:5], "again": whole, "other": torch.ones(2)}
    assert all(torch.equal(back[name], value) for name, value in expected.items())  # type: ignore[arg-type]


def test_other_values_are_named(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="state/a/1 is a PosixPath; only tensors"):
        write_tree(tmp_path, {"a": [1, tmp_path]})  # type: ignore[list-item]
