"""Copies of the storage belong to one process, and go when it is dead."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from dbsweep.errors import ResourceError
from dbsweep.execution.storage.scratch import alone, process_scratch, scratch_root


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A disk for temporary files that this test has alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_copies_of_dead_processes_are_removed_and_those_of_living_ones_stay(machine: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    root = scratch_root()
    dead, living, other = root / done.stdout.decode().strip(), root / str(os.getppid()), root / "inputs"
    for folder in (dead, living, other):
        folder.mkdir()
        (folder / "weights").write_bytes(b"copy")
    own = process_scratch()
    assert own.parent.parent == machine
    assert own.name == str(os.getpid())
    assert {folder.name for folder in root.iterdir()} == {own.name, living.name, other.name}


def test_copies_are_for_this_user_s_eyes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert scratch_root().stat().st_mode & 0o777 == 0o700
    named = scratch_root()
    monkeypatch.setattr(os, "getuid", lambda: 4321)  # the folder of that name is this user's
    named.rename(named.with_name("dbsweep-4321"))
    with pytest.raises(ResourceError, match=r"dbsweep-4321 belongs to another user: remove it, or set TMPDIR"):
        scratch_root()


def test_one_at_a_time_works_at_a_folder(machine: Path) -> None:
    begun = threading.Event()
    order: list[str] = []

    def second() -> None:
        begun.set()
        with alone(machine / "inputs" / "photos"):
            order.append("second")

    with alone(machine / "inputs" / "photos"):
        waiting = threading.Thread(target=second)
        waiting.start()
        begun.wait()
        waiting.join(timeout=0.2)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
