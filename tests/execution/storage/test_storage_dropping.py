"""A storage that fails costs room and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.execution.storage.storage_dropping import StorageDropping
from tests.execution.storage.test_dropping import CHECKPOINT


def test_a_storage_that_fails_is_tried_again_and_then_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dropping = StorageDropping(tmp_path / "demo", str(tmp_path / "storage"))
    tries = []

    def fail(*_: object) -> None:
        tries.append(1)
        raise OSError("no route to host")

    monkeypatch.setattr(dropping._store, "read", fail)
    dropping.state(CHECKPOINT)
    assert dropping.settle() == "The storage failed: files of 1 checkpoint that nothing needs are left in it"
    assert len(tries) == 2
    assert dropping.settle() == ""
