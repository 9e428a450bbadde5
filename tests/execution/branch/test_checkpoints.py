"""What a branch writes: the networks that it trains, and its state where something goes on from it."""

from __future__ import annotations

import pytest

from dbsweep.execution.backend import Decision
from dbsweep.execution.branch import work as branch_module
from dbsweep.execution.branch.retention import has_state
from dbsweep.execution.branch.work import run_branch
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, SweepJob
from dbsweep.models.checkpoints import read_manifest
from dbsweep.records.events import CheckpointScored, Event
from tests.execution.tiny_sweep import make_branch
from tests.execution.trained import train


@pytest.mark.parametrize("text_encoder_epochs", [0, 1])
def test_a_checkpoint_has_the_networks_that_its_branch_trains(tiny_job: SweepJob, text_encoder_epochs: int) -> None:
    driver = train(tiny_job, make_branch("b01", 2, text_encoder_epochs=text_encoder_epochs))
    last = tiny_job.run_folder / driver.scored[4].checkpoint.path
    text_encoder = {"text_encoder.safetensors"} if text_encoder_epochs else set()
    assert {path.name for path in last.iterdir()} == {"unet.safetensors", "manifest.json"} | text_encoder


def test_a_manifest_says_what_the_weights_are_of_and_how_they_are_kept(tiny_job: SweepJob) -> None:
    sections = {"checkpoints": tiny_job.experiment.checkpoints.model_copy(update={"precision": "fp16"})}
    job = tiny_job.model_copy(update={"experiment": tiny_job.experiment.model_copy(update=sections)})
    full, half = train(tiny_job, make_branch("b01", 1)), train(job, make_branch("b02", 1))
    folders = [tiny_job.run_folder / driver.scored[2].checkpoint.path for driver in (full, half)]
    assert [read_manifest(folder).base for folder in folders] == [tiny_job.base] * 2
    assert [read_manifest(folder).precision for folder in folders] == ["fp32", "fp16"]
    sizes = [(folder / "unet.safetensors").stat().st_size for folder in folders]
    assert 0.5 <= sizes[1] / sizes[0] < 0.6


def test_a_checkpoint_has_the_average_where_there_is_one(tiny_job: SweepJob) -> None:
    """The average lags behind the weights, which train the same."""
    sections = {"train": tiny_job.experiment.train.model_copy(update={"ema_decay": 0.9})}
    job = tiny_job.model_copy(update={"experiment": tiny_job.experiment.model_copy(update=sections)})
    plain, averaged = train(tiny_job, make_branch("b01", 1)), train(job, make_branch("b02", 1))
    assert plain.scored[2].log.loss == averaged.scored[2].log.loss
    assert plain.hashes != averaged.hashes


@pytest.mark.parametrize(("forks", "held"), [((), {2: False, 4: False}), ((2,), {2: False, 4: True})])
def test_the_last_checkpoint_has_a_state_only_where_a_branch_starts_there(
    tiny_job: SweepJob, forks: tuple[int, ...], held: dict[int, bool]
) -> None:
    driver = train(tiny_job, make_branch("b01", 2, forks=forks))
    scored = driver.scored.items()
    assert {step: has_state(tiny_job.run_folder / event.checkpoint.path) for step, event in scored} == held


def test_a_stop_between_two_checkpoints_is_kept_as_one_of_that_step(
    tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tiny_job.run_folder)
    monkeypatch.setattr(branch_module, "STOP_CHECK_INTERVAL_S", 0.0)

    def emit(event: Event) -> Decision:
        if isinstance(event, CheckpointScored):
            run.stop_request.touch()
        return Decision.GO_ON

    run_branch(BranchJob(sweep=tiny_job, branch=make_branch("b01", 3)), emit)
    manifest = read_manifest(run.interrupted("b01"))
    assert (manifest.id, manifest.step, manifest.epoch) == ("b01-000003", 3, 1)
    assert has_state(run.interrupted("b01"))
