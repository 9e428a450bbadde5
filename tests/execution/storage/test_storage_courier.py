"""What travels between machines that share nothing but a storage."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeGuard

import pytest
from ray import tune

from dbsweep.config.grid import Grid
from dbsweep.execution import loaded
from dbsweep.execution.backend import Decision, Emit
from dbsweep.execution.branch.work import run_branch
from dbsweep.execution.drawing import class_images, references
from dbsweep.execution.drawing.grids import draw_grids
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, CustomModel, Fork, SweepJob
from dbsweep.execution.ray.searcher import JOB, events_in
from dbsweep.execution.ray.worker import train_branch
from dbsweep.execution.storage import storage_courier as courier_room
from dbsweep.execution.storage.exchange import StorageExchange
from dbsweep.execution.storage.storage_courier import StorageCourier
from dbsweep.models.checkpoints import CheckpointManifest, write_checkpoint
from dbsweep.models.loading import load_base
from dbsweep.models.sources import BaseSource
from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import HELD_OUT, Metric, TrialState
from dbsweep.records.results import GridModel, GridModels
from dbsweep.sampling.infotext import read
from tests.execution.tiny_sweep import ColourEncoder, make_branch, make_tiny_job, write_photos
from tests.tiny_models import write_pipeline


@pytest.fixture
def stored(tiny_job: SweepJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepJob:
    """A prepared sweep whose inputs are in a storage."""
    storage = f"file://{tmp_path}/storage"
    experiment = tiny_job.experiment.model_copy(update={"storage": storage})
    sweep = tiny_job.model_copy(update={"experiment": experiment})
    exchange = StorageExchange(RunFolder(sweep.run_folder), storage)
    go_to(tmp_path / "first", monkeypatch)
    with (first := StorageCourier(exchange.equip(sweep), storage)).preparing():
        references.draw_references(first.sweep)
        class_images.draw_class_images(first.sweep)
    return exchange.equip(sweep)


def go_to(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this process is on another machine."""
    (machine / "1").mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(courier_room, "scratch_root", lambda: machine)
    monkeypatch.setattr(courier_room, "process_scratch", lambda: machine / "1")
    courier_room._bring_input.cache_clear()
    loaded.reference.cache_clear()


class Lost(Exception):
    """The machine is taken away."""


def train(job: BranchJob, lose_at: int | None = None) -> list[Event]:
    """What the driver hears of a branch; the machine is lost before it hears of that step."""
    storage = job.sweep.experiment.storage
    assert storage is not None
    courier, heard = StorageCourier(job.sweep, storage), []

    def emit(event: Event) -> Decision:
        if isinstance(event, CheckpointScored) and event.checkpoint.step == lose_at:
            raise Lost
        courier.carry(event)
        heard.append(event)
        return Decision.GO_ON

    emitting: Emit = emit
    if told := courier.told_before(job):
        return list(told)
    with courier.training(job) as local:
        run_branch(local, emitting)
    return heard


def is_scored(event: Event) -> TypeGuard[CheckpointScored]:
    return isinstance(event, CheckpointScored)


def hashes(events: list[Event]) -> list[str]:
    return [event.checkpoint.sha256 for event in events if isinstance(event, CheckpointScored)]


def test_a_branch_goes_on_on_another_machine_and_is_told_on_a_third(
    stored: SweepJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = hashes(train(BranchJob(sweep=stored, branch=make_branch("b09", 3))))
    job = BranchJob(sweep=stored, branch=make_branch("b01", 3))
    with pytest.raises(Lost):
        train(job, lose_at=4)
    go_to(tmp_path / "second", monkeypatch)
    assert hashes(train(job)) == alone
    go_to(tmp_path / "third", monkeypatch)
    told = train(job)
    assert hashes(told) == alone
    assert isinstance(told[-1], BranchEnded)
    assert told[-1].state is TrialState.COMPLETED
    assert not list((tmp_path / "third" / "1").rglob("*.safetensors")), "what is finished is told, not fetched"


def test_ray_s_workers_go_by_way_of_the_storage(
    stored: SweepJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[dict[str, Any]] = []
    monkeypatch.setattr(tune, "report", reports.append)
    job = BranchJob(sweep=stored, branch=make_branch("b01", 1))
    train_branch({JOB: job.model_dump_json()}, run_branch)
    go_to(tmp_path / "second", monkeypatch)
    first = [type(event) for report in reports for event in events_in(report)]
    assert first == [BranchStarted, CheckpointScored, BranchEnded]
    assert not RunFolder(stored.run_folder).branch("b01").exists()
    train_branch({JOB: job.model_dump_json()}, lambda *_: pytest.fail("it is finished"))
    assert [type(event) for report in reports for event in events_in(report)] == [*first, *first[1:]]


def test_what_a_branch_leaves_on_its_machine_is_cleared_before_its_end_is_heard(
    stored: SweepJob, tmp_path: Path
) -> None:
    first = train(BranchJob(sweep=stored, branch=make_branch("b01", 1, forks=(1,))))
    parent = next(event for event in first if isinstance(event, CheckpointScored))
    assert parent.scorecard is not None
    child = BranchJob(sweep=stored, branch=make_branch("b02", 2, parent="b01", fork_epoch=1))
    fork = Fork(step=2, checkpoint=stored.run_folder / parent.checkpoint.path, lineage=((2, parent.scorecard),))
    assert hashes(train(child.forked(fork)))
    assert not list((tmp_path / "first").rglob("manifest.json"))
    for branch in ("b01", "b02"):
        assert list((tmp_path / "storage").rglob(f"checkpoints/{branch}/*/*/unet.safetensors"))


def test_a_branch_that_a_verdict_ends_at_its_fork_is_told_on_another_machine(
    stored: SweepJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (parent,) = (e for e in train(BranchJob(sweep=stored, branch=make_branch("b01", 1, forks=(1,)))) if is_scored(e))
    assert parent.scorecard is not None
    monkeypatch.setattr("dbsweep.execution.scheduling.judgement.should_stop", lambda *_, **__: True)
    child = BranchJob(sweep=stored, branch=make_branch("b02", 2, parent="b01", fork_epoch=1))
    fork = Fork(step=2, checkpoint=stored.run_folder / parent.checkpoint.path, lineage=((2, parent.scorecard),))
    (begun, end) = train(child.forked(fork))
    assert isinstance(begun, BranchStarted)
    assert isinstance(end, BranchEnded)
    assert (end.state, end.last_step) == (TrialState.STOPPED, 2)
    go_to(tmp_path / "second", monkeypatch)
    assert train(child.forked(fork)) == [end]


def test_a_damaged_checkpoint_is_trained_again(
    stored: SweepJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = BranchJob(sweep=stored, branch=make_branch("b01", 2))
    before = hashes(train(job))
    (state,) = (tmp_path / "storage").rglob("checkpoints/b01/000004/*/unet.safetensors")
    state.write_bytes(state.read_bytes()[:-1])
    go_to(tmp_path / "second", monkeypatch)
    assert hashes(train(job)) == before
    assert state.parent.parent.joinpath("parcel-whole.json").is_file()
    go_to(tmp_path / "third", monkeypatch)
    assert len(train(job)) == 3  # two checkpoints and the end, told and not trained


def test_held_out_photos_and_their_captions_reach_a_worker_that_does_not_see_the_driver_s_disk(
    tmp_path: Path, tiny_sd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded, "encoder", lambda source: ColourEncoder())
    loaded.reference.cache_clear()
    driver, storage = tmp_path / "driver", f"file://{tmp_path}/storage"
    own = {"instance_prompt": "photo of [filewords]", "validation_images": write_photos(driver / "held_out")}
    alone = make_tiny_job(driver, tiny_sd, own)
    for photo in [*(driver / "photos").iterdir(), *(driver / "held_out").iterdir()]:
        photo.with_suffix(".txt").write_text(f"a man in {photo.parent.name} {photo.stem}")
    expected = references.draw_references(alone)[1].scores[Metric.VALIDATION_LOSS]

    sweep = alone.model_copy(update={"experiment": alone.experiment.model_copy(update={"storage": storage})})
    sent = StorageExchange(RunFolder(sweep.run_folder), storage).equip(sweep)
    driver.rename(tmp_path / "out of reach")
    go_to(tmp_path / "first", monkeypatch)
    with (first := StorageCourier(sent, storage)).preparing():
        assert references.draw_references(first.sweep)[1].scores[Metric.VALIDATION_LOSS] == expected
        class_images.draw_class_images(first.sweep)
    go_to(tmp_path / "second", monkeypatch)
    told = train(BranchJob(sweep=sent, branch=make_branch("b01", 1)))
    (scored,) = [event for event in told if isinstance(event, CheckpointScored)]
    assert scored.scorecard is not None
    measured = {metric: scored.scorecard.scores[metric] for metric in HELD_OUT}
    assert len(measured[Metric.VALIDATION_LOSS].samples) == len(expected.samples)
    assert all(math.isfinite(score.value) for score in measured.values())


def test_merges_of_grids_reach_a_worker_that_does_not_see_the_driver_s_disk(
    stored: SweepJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into a model of a folder, and into another run's checkpoint, whose base model has to come with it."""
    driver = tmp_path / "driver"
    below, custom = (write_pipeline(driver / name, seed=len(name)) for name in ("below", "custom"))
    models, taught = load_base(str(below)), driver / "taught"
    about = CheckpointManifest(id="b01-000001", step=1, epoch=1, base_sha256=models.sha256, base=models.source)
    write_checkpoint(taught, unet=models.unet, text_encoder=None, state=None, manifest=about)
    paths = {"custom": custom, "taught": taught}
    customs = {name: CustomModel(name=name, source=BaseSource(source=str(path))) for name, path in paths.items()}
    axes = [{"axis": "merge_ratio", "into": name, "values": [0, 1]} for name in customs]
    grids = tuple(Grid.model_validate({"prompt": "photo of ohwx man", "x": axis}) for axis in axes)
    experiment = stored.experiment.model_copy(update={"grids": grids})
    sweep = stored.model_copy(update={"experiment": experiment, "customs": customs})
    storage = str(experiment.storage)
    sent = StorageExchange(RunFolder(sweep.run_folder), storage).equip(sweep)
    wanted = [load_base(str(path)).sha256[:10] for path in (custom, below)]
    driver.rename(tmp_path / "out of reach")
    (chosen,) = (e.checkpoint for e in train(BranchJob(sweep=sent, branch=make_branch("b01", 1))) if is_scored(e))
    go_to(tmp_path / "second", monkeypatch)
    courier = StorageCourier(sent, storage)
    each = GridModels(chosen=chosen, models=(GridModel(title="epoch 1", checkpoint=chosen),))
    with courier.drawing_grids([each, each]):
        drawn = draw_grids(courier.sweep, [each, each])
    assert [(grid.into, grid.notes, len(grid.paths)) for grid in drawn] == [("custom", (), 2), ("taught", (), 2)]
    assert [read(courier.sweep.run_folder / grid.paths[0]).model_hash for grid in drawn] == wanted


def test_grids_are_drawn_on_another_machine_from_all_their_checkpoints(
    stored: SweepJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = train(BranchJob(sweep=stored, branch=make_branch("b01", 3)))
    first, second, third = (event.checkpoint for event in events if isinstance(event, CheckpointScored))
    go_to(tmp_path / "second", monkeypatch)
    axis = {"axis": "checkpoint", "values": ["base", "before", "best"]}
    grid = Grid.model_validate({"prompt": "photo of ohwx man", "x": axis})
    experiment = stored.experiment.model_copy(update={"grids": (grid,)})
    courier = StorageCourier(stored.model_copy(update={"experiment": experiment}), str(experiment.storage))
    models = [GridModel(title=title, checkpoint=each) for title, each in (("base", None), ("2", second), ("3", third))]
    several = [GridModels(chosen=third, models=tuple(models))]
    with courier.drawing_grids(several):
        (drawn,) = draw_grids(courier.sweep, several)
    assert len(drawn.paths) == 3
    assert not (courier.sweep.run_folder / first.path).exists(), "nothing draws from it"
    folder = Path(drawn.paths[0]).parent
    assert courier._store.intact(courier.sweep.run_folder / folder)
