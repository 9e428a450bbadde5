"""What a worker reports to Tune: every event, in as few round trips as may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.result import DONE

from dbsweep.errors import ResourceError
from dbsweep.execution import loaded, stall
from dbsweep.execution.backend import Decision, Emit
from dbsweep.execution.drawing import grids
from dbsweep.execution.drawing.grids import Following
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, SweepJob
from dbsweep.execution.ray import worker
from dbsweep.execution.ray.searcher import JOB, events_in
from dbsweep.execution.ray.worker import train_branch
from dbsweep.execution.stall import StallWatch
from dbsweep.models.loading import load_base
from dbsweep.records.events import AtWork, BranchEnded, BranchStarted, Event
from dbsweep.records.names import TrialState
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw
from tests.execution.on_paper import scored
from tests.execution.sweeps import make_branch_jobs
from tests.execution.tiny_sweep import ColourEncoder, make_tiny_job


def test_a_branch_that_begins_after_the_request_to_stop_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tune gives branches to workers that it has taken from the queue before the person pressed Ctrl-C."""
    reports: list[dict[str, Any]] = []
    monkeypatch.setattr(tune, "report", reports.append)
    job = make_branch_jobs(tmp_path)[0]
    RunFolder(job.sweep.run_folder).stop_request.touch()
    train_branch({JOB: job.model_dump_json()}, lambda *_: pytest.fail("it is not trained"))
    ((end,),) = (events_in(report) for report in reports)
    assert end == BranchEnded(branch="b01", state=TrialState.INTERRUPTED, last_step=0, reason="asked to stop")
    assert reports[0][DONE] is True


@pytest.mark.parametrize("task", ["photos", "references", "class-images-00"])
def test_making_shared_inputs_is_watched(
    task: str, tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: dict[Path, int] = {}

    class Watch(StallWatch):
        def __enter__(self) -> Watch:
            assert self._timeout_s == 1800.0
            watched[self._path] = 0
            return self

        def __exit__(self, *_: object) -> None:
            """No timer was started."""

        def alive(self) -> None:
            watched[self._path] += 1

    monkeypatch.setattr(stall, "StallWatch", Watch)
    monkeypatch.setattr(worker, "claim_resources", lambda resources: None)
    monkeypatch.setattr(loaded, "encoder", lambda source: ColourEncoder())
    loaded._latents.cache_clear()
    job = make_tiny_job(tmp_path, tiny_sd)
    match task:
        case "photos":
            worker.encode_photos(job)
        case "references":
            worker.draw_references(job)
        case _:
            worker.draw_class_images(job, 0, 1)
    (path,) = watched
    assert path == job.run_folder / "stalled" / f"{task}.txt"
    assert watched[path] > 0
    assert not loaded.models_as_they_are(job.base).unet._forward_hooks


def test_what_is_drawn_by_merged_models_of_grids_is_watched(
    tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[bool] = []

    def draw_grids(job: SweepJob, models: object, following: Following) -> tuple[()]:
        other = load_base(job.base)
        with following(other):
            draw(other, [ImageRequest(prompt="a man", seed=1, num_inference_steps=2, width=64, height=64)])
        return ()

    monkeypatch.setattr(worker, "claim_resources", lambda resources: None)
    monkeypatch.setattr(grids, "draw_grids", draw_grids)
    monkeypatch.setattr(StallWatch, "alive", lambda self: alive.append(True))
    job = make_tiny_job(tmp_path, tiny_sd)
    (job.run_folder / "grids").mkdir()
    assert worker.draw_grids(job, []) == ()
    assert len(alive) > 2, "passes of the UNet and the decoder"


@pytest.mark.parametrize("said", ["CUDA out of memory. Tried to allocate 2.00 GiB.", "shapes cannot be multiplied"])
def test_what_runs_out_of_memory_beside_branches_ends_with_what_helps(
    said: str, tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(said)

    monkeypatch.setattr(worker, "claim_resources", lambda resources: None)
    monkeypatch.setattr(loaded, "encode_photos", fail)
    told = r"^out of memory while working on photos \(CUDA .*\); what helps: a lower train.resolution, a smaller .*"
    is_memory = "memory" in said
    with pytest.raises(ResourceError if is_memory else RuntimeError, match=told if is_memory else said):
        worker.encode_photos(make_tiny_job(tmp_path, tiny_sd))


def test_the_last_checkpoint_and_the_end_are_one_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[dict[str, Any]] = []
    monkeypatch.setattr(tune, "report", reports.append)
    job = make_branch_jobs(tmp_path)[0]  # four epochs of ten steps
    events: list[Event] = [
        BranchStarted(branch="b01", host="here", pid=1),
        *(scored("b01", epoch, 1e-4) for epoch in (1, 2, 3, 4)),
        BranchEnded(branch="b01", state=TrialState.COMPLETED, last_step=40),
    ]

    def body(job: BranchJob, emit: Emit) -> None:
        assert [emit(event) for event in events] == [Decision.GO_ON] * 6

    train_branch({JOB: job.model_dump_json()}, body)
    assert [len(events_in(report)) for report in reports] == [1, 1, 1, 1, 2]
    assert [event for report in reports for event in events_in(report)] == events
    assert [DONE in report for report in reports] == [False] * 4 + [True]


def test_what_a_branch_is_at_is_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[dict[str, Any]] = []
    monkeypatch.setattr(tune, "report", reports.append)
    job = make_branch_jobs(tmp_path)[0]
    works = [AtWork(branch="b01", step=3, per_s=0.5), AtWork(branch="b01", step=4, drawn=16, to_draw=20, per_s=2.0)]

    def body(job: BranchJob, emit: Emit) -> None:
        for work in works:
            assert emit(work) is Decision.GO_ON

    train_branch({JOB: job.model_dump_json()}, body)
    assert [events_in(report) for report in reports] == [(works[0],), (works[1],)]
    assert not any(DONE in report for report in reports)
