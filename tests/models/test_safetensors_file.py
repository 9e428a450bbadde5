"""Weight files: what the system refuses reads as from any other file."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from dbsweep.errors import DiskError
from dbsweep.models import safetensors_file
from dbsweep.models.safetensors_file import save_tensors, write_weights

WEIGHTS = {"weight": torch.zeros(3)}


def test_what_the_system_refuses_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such file or directory") as caught:
        save_tensors(tmp_path / "none" / "a.safetensors", WEIGHTS)
    assert isinstance(caught.value.__cause__, SafetensorError)  # which is none


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "No space left on device"), (errno.EDQUOT, "Disk quota exceeded")]
)
def test_a_disk_that_fills_up_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise SafetensorError(f"Error while serializing: I/O error: {words} (os error {number})")

    monkeypatch.setattr(safetensors_file, "save_file", fail)
    with pytest.raises(DiskError, match=r"no disk space left to write .*a\.safetensors"):
        write_weights(tmp_path / "a.safetensors", WEIGHTS, {})
    assert not list(tmp_path.iterdir())


def test_others_may_read_weights_as_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    save_tensors(tmp_path / "a.safetensors", WEIGHTS)
    write_weights(tmp_path / "b.safetensors", WEIGHTS, {})
    assert {path.stat().st_mode for path in tmp_path.iterdir()} == {(tmp_path / "plain").stat().st_mode}
