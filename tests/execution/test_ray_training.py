"""A whole sweep of a tiny model on real Ray: the weights are those of training in this very process."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.execution.backend import Decision, Progress
from dbsweep.execution.branch import run_branch
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, SweepJob
from dbsweep.execution.ray_backend import RayBackend
from dbsweep.records.events import BranchEnded, CheckpointScored, Event
from dbsweep.records.names import BASE, TrialState
from tests.execution.tiny_sweep import make_branch, make_tiny_job
from tests.scoring.conftest import clip_folder

__all__ = ["clip_folder"]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_session")]


def jobs_of(sweep: SweepJob) -> list[BranchJob]:
    """b02 leaves b01 after its first epoch by freezing the text encoder; b03 is b02 in one go."""
    return [
        BranchJob(sweep=sweep, branch=make_branch("b01", 2, forks=(1,), text_encoder_epochs=2)),
        BranchJob(sweep=sweep, branch=make_branch("b02", 2, parent="b01", fork_epoch=1, text_encoder_epochs=1)),
        BranchJob(sweep=sweep, branch=make_branch("b03", 2, text_encoder_epochs=1)),
    ]


def test_a_sweep_from_photos_to_grids(tmp_path: Path, tiny_sd: Path, clip_folder: Path) -> None:
    sweep = make_tiny_job(tmp_path, tiny_sd).model_copy(update={"encoder": str(clip_folder)})
    backend = RayBackend(RunFolder(sweep.run_folder), sweep.experiment.resources)
    progress: list[Progress] = []
    prepared = backend.prepare(sweep, progress.append)
    assert (prepared.base.checkpoint, prepared.class_images_drawn) == (BASE, 4)
    assert (progress[0].done, progress[-1].done) == (0, progress[-1].total)

    events: list[Event] = []
    backend.run(jobs_of(sweep), events.append)
    ends = {event.branch: event.state for event in events if isinstance(event, BranchEnded)}
    assert ends == dict.fromkeys(["b01", "b02", "b03"], TrialState.COMPLETED)
    found = {e.checkpoint.id: e.checkpoint for e in events if isinstance(e, CheckpointScored)}
    assert found["b02-000004"].sha256 == found["b03-000004"].sha256
    assert found["b01-000002"].sha256 == found["b03-000002"].sha256

    (grid,) = backend.draw_grids(sweep, found["b02-000004"])
    assert all((sweep.run_folder / path).is_file() for row in grid.cells[0] for cell in row for path in cell)

    here: list[Event] = []
    alone = BranchJob(sweep=sweep, branch=make_branch("b09", 2, text_encoder_epochs=1))
    run_branch(alone, lambda event: here.append(event) or Decision.GO_ON)  # type: ignore[func-returns-value]
    hashes = [event.checkpoint.sha256 for event in here if isinstance(event, CheckpointScored)]
    assert hashes == [found["b03-000002"].sha256, found["b03-000004"].sha256]
