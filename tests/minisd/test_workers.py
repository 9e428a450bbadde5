"""Processes that train together: what one of them fails in ends the training, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.minisd.training_loop import Workers
from dbsweep.minisd.workers import train_together


def leave_rank(workers: Workers, folder: Path) -> None:
    """Another process imports it."""
    (folder / str(workers.rank)).write_text(str(workers.count))


def end_with_3(workers: Workers, folder: Path) -> None:
    """Another process imports it."""
    raise SystemExit(3)


def test_a_task_runs_in_a_process_of_its_own_and_leaves_no_meeting_place(tmp_path: Path):
    train_together(leave_rank, tmp_path / "training", count=1)
    assert {path.name: path.read_text() for path in (tmp_path / "training").iterdir()} == {"0": "1"}


def test_a_worker_that_fails_ends_the_training_with_what_to_do(tmp_path: Path):
    with pytest.raises(RuntimeError, match="ended with exit code 3; run the same command again to go on"):
        train_together(end_with_3, tmp_path, count=1)
