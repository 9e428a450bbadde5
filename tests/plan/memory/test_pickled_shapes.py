"""Shapes are read from torch's pickles, and nothing else of them is."""

from __future__ import annotations

import pickle
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from dbsweep.plan.memory.pickled_shapes import pickled_shapes
from tests.lightning import save_as_lightning


class Writes:
    """Unpickled by anyone who trusts it, it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return Path.mkdir, (self.folder,)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int64], ids=str)
def test_shapes_of_tensors_and_parameters(dtype: torch.dtype, tmp_path: Path):
    whole = torch.zeros(4, 6, dtype=dtype)
    parameter = torch.nn.Parameter(whole.new_zeros(3), requires_grad=False)
    torch.save(OrderedDict(a=whole, part=whole[:, 1:3], b=parameter, one=whole.sum()), tmp_path / "weights.bin")
    assert pickled_shapes(tmp_path / "weights.bin") == {"a": (4, 6), "part": (4, 2), "b": (3,), "one": ()}


def test_what_is_more_than_tensors_is_refused_and_does_not_run(tmp_path: Path):
    torch.save({"a": torch.zeros(2), "b": Writes(tmp_path / "made")}, tmp_path / "weights.bin")
    with pytest.raises(ValueError, match=r"weights\.bin: no weights that torch has zipped \(it asks for "):
        pickled_shapes(tmp_path / "weights.bin")
    assert not (tmp_path / "made").exists()


def test_what_lightning_left_beside_the_weights_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    save_as_lightning({"a": torch.zeros(2, 3)}, tmp_path / "model.ckpt", monkeypatch)
    assert pickled_shapes(tmp_path / "model.ckpt") == {"a": (2, 3)}
    assert "pytorch_lightning" not in sys.modules


def test_other_files_are_refused(tmp_path: Path):
    file = tmp_path / "weights.bin"
    for content in (b"", b"PK\x03\x04", pickle.dumps({"a": 1})):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="no weights that torch has zipped"):
            pickled_shapes(file)
    torch.save({"a": torch.zeros(2)}, file, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match="no weights that torch has zipped"):
        pickled_shapes(file)
    torch.save([torch.zeros(2)], file)
    with pytest.raises(ValueError, match="no weights that torch has zipped"):
        pickled_shapes(file)
