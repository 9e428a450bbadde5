"""A whole sweep of a tiny model on real Ray: the weights are those of training in this very process."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbsweep.execution.backend import Decision, Progress
from dbsweep.execution.branch.work import run_branch
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, SweepJob
from dbsweep.execution.ray.backend import RayBackend
from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import BASE, Metric, PromptKind, TrialState
from dbsweep.records.results import GridModel, GridModels
from tests.execution.tiny_sweep import make_branch, make_tiny_job, write_photos
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
    pids = {event.pid for event in events if isinstance(event, BranchStarted)}
    assert len(pids) <= 2, "a worker is started once, not once a branch"
    found = {e.checkpoint.id: e.checkpoint for e in events if isinstance(e, CheckpointScored)}
    assert found["b02-000004"].sha256 == found["b03-000004"].sha256
    assert found["b01-000002"].sha256 == found["b03-000002"].sha256

    chosen = found["b02-000004"]
    models = (GridModel(title="epoch 2", checkpoint=chosen),)
    (grid,) = backend.draw_grids(sweep, [GridModels(chosen=chosen, models=models)])
    assert all((sweep.run_folder / path).is_file() for row in grid.cells[0] for cell in row for path in cell)

    here: list[Event] = []
    alone = BranchJob(sweep=sweep, branch=make_branch("b09", 2, text_encoder_epochs=1))
    run_branch(alone, lambda event: here.append(event) or Decision.GO_ON)  # type: ignore[func-returns-value]
    hashes = [event.checkpoint.sha256 for event in here if isinstance(event, CheckpointScored)]
    assert hashes == [found["b03-000002"].sha256, found["b03-000004"].sha256]


def test_a_lora_sweep_with_captions(tmp_path: Path, tiny_sd: Path, clip_folder: Path) -> None:
    """Captions from files in all prompts, a LoRA with dropout, held-out photos: as in this process, bit for bit."""
    held_out = write_photos(tmp_path / "held out")
    captions = dict.fromkeys(("instance_prompt", "class_prompt"), "[filewords]")
    changes = {**captions, "sanity_prompts": ["[filewords], ink poster style"], "validation_images": held_out}
    train = {"lora_rank": 2, "lora_dropout": 0.2, "shuffle_tags": True, "tag_dropout": 0.5, "random_flip": True}
    sweep = make_tiny_job(tmp_path, tiny_sd, changes, **train)
    sweep = sweep.model_copy(update={"encoder": str(clip_folder)})
    for folder in (tmp_path / "photos", held_out):
        for photo in folder.glob("*.png"):
            photo.with_suffix(".txt").write_text(f"a man with hat {photo.stem}, red, smiling, indoors")
    backend = RayBackend(RunFolder(sweep.run_folder), sweep.experiment.resources)
    prepared = backend.prepare(sweep, lambda progress: None)
    assert prepared.class_images_drawn == 4
    captioned = sorted(path.read_text() for path in sweep.cache_folder.glob("class_images/*/*.txt"))
    assert captioned == [f"a man with hat {index}, red, smiling, indoors\n" for index in (0, 0, 1, 1)]
    events: list[Event] = []
    backend.run(jobs_of(sweep), events.append)
    found = {e.checkpoint.id: e for e in events if isinstance(e, CheckpointScored)}
    assert found["b02-000004"].checkpoint.sha256 == found["b03-000004"].checkpoint.sha256
    assert found["b02-000004"].checkpoint.bytes < 1_000_000  # the adapter alone, with its state
    cards = [event.scorecard for event in found.values() if event.scorecard is not None]
    assert len(cards) == len(found) == 5
    assert {image.prompt for card in cards for image in card.images if image.kind is PromptKind.SANITY} == {
        "ohwx man with hat 0, red, smiling, indoors, ink poster style"
    }
    assert all(Metric.VALIDATION_LOSS in card.scores for card in [prepared.base, *cards])
    here: list[Event] = []
    alone = BranchJob(sweep=sweep, branch=make_branch("b09", 2, text_encoder_epochs=1))
    run_branch(alone, lambda event: here.append(event) or Decision.GO_ON)  # type: ignore[func-returns-value]
    (last,) = [e for e in here if isinstance(e, CheckpointScored) and e.checkpoint.step == 4]
    assert last.checkpoint.sha256 == found["b03-000004"].checkpoint.sha256
    assert last.scorecard is not None
    assert repr(last.scorecard.scores) == repr(found["b03-000004"].scorecard.scores)  # type: ignore[union-attr]
