"""Where all machines see the run folder nothing is carried, and a request to stop is a file there."""

from __future__ import annotations

from pathlib import Path

from dbsweep.execution.folder import RunFolder
from dbsweep.execution.storage.courier import Courier
from tests.execution.ledgers import checkpoint
from tests.execution.sweeps import make_branch_jobs


def test_a_branch_is_trained_with_the_paths_that_it_came_with(tmp_path: Path) -> None:
    job = make_branch_jobs(tmp_path / "run")[0]
    courier = Courier(job.sweep)
    with courier.preparing(class_images=False), courier.training(job) as trained, courier.drawing_grids([]):
        assert trained is job
    assert courier.sweep is job.sweep
    courier.carry(checkpoint(10))
    assert list(tmp_path.iterdir()) == []


def test_what_another_worker_told_is_the_drivers_to_know(tmp_path: Path) -> None:
    job = make_branch_jobs(tmp_path / "run")[0]
    assert Courier(job.sweep).told_before(job) == ()


def test_a_worker_sees_the_request_to_stop_and_that_it_was_taken_back(tmp_path: Path) -> None:
    courier, run = Courier(make_branch_jobs(tmp_path)[0].sweep), RunFolder(tmp_path)
    assert not courier.asked_to_stop()
    run.stop_request.touch()
    assert courier.asked_to_stop()
    run.stop_request.unlink()
    assert not courier.asked_to_stop()
