"""The worker's body on a tiny model: the same weights however a branch is cut, forked or stopped."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dbsweep.config.search import SchedulerName
from dbsweep.execution import loaded
from dbsweep.execution.backend import Decision
from dbsweep.execution.branch import pace
from dbsweep.execution.branch import work as branch_module
from dbsweep.execution.branch.history import stopped_file
from dbsweep.execution.branch.retention import has_state
from dbsweep.execution.branch.work import run_branch
from dbsweep.execution.drawing import closer_look, references
from dbsweep.execution.drawing.evaluation import draw_evaluation
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob, Fork, SweepJob
from dbsweep.execution.photo_digests import keep_digests
from dbsweep.execution.simulated import UNTRAINED, make_scorecard
from dbsweep.models.checkpoints import verify
from dbsweep.models.hashes import weights_sha256
from dbsweep.models.restoring import read_weights
from dbsweep.records.events import AtWork, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import BASE, HELD_OUT, Metric, TrialState, VerdictState
from dbsweep.records.results import StepLog
from dbsweep.sampling import sampler
from dbsweep.training.validation import DRAWS
from tests.execution.tiny_sweep import ColourEncoder, make_branch, write_photos
from tests.execution.trained import fork_of, train


def told(event: CheckpointScored) -> StepLog:
    """The training figures of a checkpoint, without those of time and memory."""
    assert event.log.series is not None
    series = event.log.series.model_copy(update={"images_per_s": ()})
    return event.log.model_copy(update={"series": series, "steps_per_s": 0.0, "images_per_s": 0.0, "memory_bytes": 0})


def test_a_branch_reports_checkpoints_with_pictures_and_scores(tiny_job: SweepJob) -> None:
    driver = train(tiny_job, make_branch("b01", 2))
    assert isinstance(driver.events[0], BranchStarted)
    assert (driver.end.state, driver.end.last_step) == (TrialState.COMPLETED, 4)
    assert list(driver.scored) == [2, 4]
    event = driver.scored[4]
    assert event.scorecard is not None
    verdicts = [each.verdict.state for each in driver.scored.values() if each.verdict is not None]
    assert verdicts == [VerdictState.LEARNING, VerdictState.UNDERTRAINED]  # only its end is told to be too early
    assert len(event.scorecard.images) == 3 * 2
    assert all((tiny_job.run_folder / image.path).is_file() for image in event.scorecard.images)
    assert event.log.step == 4
    folder = tiny_job.run_folder / event.checkpoint.path
    assert verify(folder)
    models = loaded.models_to_change(tiny_job.base)
    read_weights(folder, models)
    assert weights_sha256({"unet": models.unet, "text_encoder": models.text_encoder}) == event.checkpoint.sha256


def test_held_out_photos_are_measured_and_not_trained(tiny_job: SweepJob, tmp_path: Path) -> None:
    plain = train(tiny_job, make_branch("b01", 2))
    concept = tiny_job.experiment.concepts[0].model_copy(update={"validation_images": write_photos(tmp_path / "own")})
    experiment = tiny_job.experiment.model_copy(update={"concepts": (concept,)})
    job = tiny_job.model_copy(update={"experiment": experiment, "run_folder": tmp_path / "other"})
    job.run_folder.mkdir()
    _, base = references.draw_references(job)
    driver = train(job, make_branch("b01", 2))
    assert driver.hashes == plain.hashes
    cards = [base, *(event.scorecard for event in driver.scored.values() if event.scorecard is not None)]
    losses = [card.scores[Metric.VALIDATION_LOSS] for card in cards]
    assert [len(score.samples) for score in losses] == [2 * DRAWS] * 3
    assert len({score.value for score in losses}) == 3
    assert all(len(card.scores[Metric.MEMORISATION].samples) == 2 for card in cards)
    assert all(not HELD_OUT & set(event.scorecard.scores) for event in plain.scored.values() if event.scorecard)


def test_long_phases_are_told_of_and_change_no_weights(tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = train(tiny_job, make_branch("b01", 2))
    monkeypatch.setattr(pace, "INTERVAL_S", 0.0)
    monkeypatch.setattr(sampler, "_batches", lambda requests, size: iter([[0, 1], [2, 3, 4, 5]]))
    told = train(tiny_job, make_branch("b02", 2))
    assert told.hashes == plain.hashes
    assert not [event for event in plain.events if isinstance(event, AtWork)]
    works = [(event.step, event.drawn, event.to_draw) for event in told.events if isinstance(event, AtWork)]
    assert works == [(2, 0, 0), (2, 2, 6), (4, 0, 0), (4, 2, 6)]  # not the first step of a phase
    others = [type(event) for event in told.events if not isinstance(event, AtWork)]
    assert others == [type(event) for event in plain.events]


def test_a_second_branch_in_the_same_process_starts_at_the_base_again(tiny_job: SweepJob) -> None:
    first, second = (train(tiny_job, make_branch(name, 1)) for name in ("b01", "b02"))
    assert first.hashes == second.hashes
    assert train(tiny_job, make_branch("b03", 1, learning_rate=2e-3)).hashes != first.hashes


def test_a_fork_has_the_weights_of_a_training_in_one_go(tiny_job: SweepJob) -> None:
    alone = train(tiny_job, make_branch("b01", 3, text_encoder_epochs=2))
    # The parent goes on training the text encoder, the child freezes it after the second epoch.
    parent = train(tiny_job, make_branch("b02", 3, forks=(2,), text_encoder_epochs=3))
    child = make_branch("b03", 3, parent="b02", fork_epoch=2, text_encoder_epochs=2)
    forked = train(tiny_job, child, fork=fork_of(tiny_job, parent, 4))
    assert parent.hashes[4] == alone.hashes[4]
    assert forked.hashes[6] == alone.hashes[6]
    assert parent.hashes[6] != alone.hashes[6]


def test_a_lora_is_forked_drawn_and_read_back(tiny_job: SweepJob) -> None:
    """Its checkpoints and states are the adapter alone, so the base's weights must be there whatever ran before."""
    sections = {
        "train": tiny_job.experiment.train.model_copy(update={"lora_rank": 2, "ema_decay": 0.5}),
        "evaluate": tiny_job.experiment.evaluate.model_copy(update={"stop_overtrained": False}),
    }
    job = tiny_job.model_copy(update={"experiment": tiny_job.experiment.model_copy(update=sections)})
    alone = train(job, make_branch("b01", 3, text_encoder_epochs=2))
    train(tiny_job, make_branch("b02", 1))  # whole networks, in the same process
    parent = train(job, make_branch("b03", 2, forks=(2,), text_encoder_epochs=2))
    train(tiny_job, make_branch("b04", 1))
    child = make_branch("b05", 3, parent="b03", fork_epoch=2, text_encoder_epochs=2)
    forked = train(job, child, fork=fork_of(job, parent, 4))
    assert alone.hashes == parent.hashes | forked.hashes
    folder = job.run_folder / alone.scored[6].checkpoint.path
    assert {path.name for path in folder.iterdir()} == {"lora.safetensors", "manifest.json"}
    assert off_when_drawn_again(job, alone.scored[6]) <= 1


def off_when_drawn_again(job: SweepJob, event: CheckpointScored) -> int:
    """By how much a pixel of a checkpoint's pictures differs at most where its weights are read and draw again."""
    assert event.scorecard is not None
    models = loaded.models_to_change(job.base)
    read_weights(job.run_folder / event.checkpoint.path, models)
    again = draw_evaluation(models, job.experiment, RunFolder(job.run_folder), job.run_folder / "again", model_hash="")
    paths = {(sample.kind, sample.prompt_index, sample.seed): sample.path for sample in event.scorecard.images}
    off = []
    for image, sample in zip(again.images, again.samples, strict=True):
        with Image.open(job.run_folder / paths[sample.kind, sample.prompt_index, sample.seed]) as drawn:
            off.append(np.abs(np.asarray(drawn, dtype=int) - image.astype(int)).max())
    return int(max(off))


def test_the_pictures_of_a_checkpoint_are_those_of_its_average(tiny_job: SweepJob) -> None:
    sections = {
        "train": tiny_job.experiment.train.model_copy(update={"ema_decay": 0.9}),
        "evaluate": tiny_job.experiment.evaluate.model_copy(update={"stop_overtrained": False}),
    }
    job = tiny_job.model_copy(update={"experiment": tiny_job.experiment.model_copy(update=sections)})
    driver = train(job, make_branch("b01", 2, learning_rate=1e-2))
    assert off_when_drawn_again(job, driver.scored[4]) <= 1


def test_what_would_start_where_the_verdict_has_ended_its_parent_is_not_trained(tiny_job: SweepJob) -> None:
    run = RunFolder(tiny_job.run_folder)
    run.base_scorecard.write_text(make_scorecard(BASE, UNTRAINED).model_dump_json())
    learned = {**UNTRAINED, Metric.IDENTITY: 0.9}
    lineage = tuple((s, make_scorecard(str(s), {**learned, Metric.STYLE: kept})) for s, kept in ((2, 1.0), (4, 0.1)))
    child = make_branch("b02", 3, parent="b01", fork_epoch=2)
    for _ in range(2):  # also when its run is gone on with
        driver = train(tiny_job, child, fork=Fork(step=4, checkpoint=run.path / "nobody reads this", lineage=lineage))
        assert (driver.end.state, driver.end.last_step, driver.scored) == (TrialState.STOPPED, 4, {})
        assert "style" in driver.end.reason
    assert stopped_file(run, "b02").exists()


def test_in_the_end_states_are_kept_at_forks_only(tiny_job: SweepJob) -> None:
    driver = train(tiny_job, make_branch("b01", 3, forks=(2,)))
    folders = {step: tiny_job.run_folder / event.checkpoint.path for step, event in driver.scored.items()}
    assert {step: has_state(folder) for step, folder in folders.items()} == {2: False, 4: True, 6: False}


@pytest.mark.parametrize(("scheduler", "kept"), [("asha", []), ("none", [2, 4])])
def test_a_branch_that_its_scheduler_ends_keeps_no_states(tiny_job: SweepJob, scheduler: str, kept: list[int]) -> None:
    search = tiny_job.experiment.search.model_copy(update={"scheduler": SchedulerName(scheduler)})
    job = tiny_job.model_copy(update={"experiment": tiny_job.experiment.model_copy(update={"search": search})})

    def emit(event: Event) -> Decision:
        if isinstance(event, CheckpointScored) and event.checkpoint.step == 4:
            raise SystemExit(0)  # as Ray Tune does in the worker's thread
        return Decision.GO_ON

    with pytest.raises(SystemExit):
        run_branch(BranchJob(sweep=job, branch=make_branch("b01", 3)), emit)
    run = RunFolder(job.run_folder)
    assert [step for step in (2, 4) if has_state(run.checkpoint("b01", step))] == kept


def test_the_two_newest_states_are_kept_until_the_end(tiny_job: SweepJob) -> None:
    seen: dict[int, list[int]] = {}
    branch = make_branch("b01", 5, forks=(1,))
    run = RunFolder(tiny_job.run_folder)

    def emit(event: Event) -> Decision:
        if isinstance(event, CheckpointScored):
            steps = [m.step for m in branch.milestones if m.step <= event.checkpoint.step]
            seen[event.checkpoint.step] = [s for s in steps if has_state(run.checkpoint("b01", s))]
        return Decision.GO_ON

    run_branch(BranchJob(sweep=tiny_job, branch=branch), emit)
    assert seen == {2: [2], 4: [2, 4], 6: [2, 4, 6], 8: [2, 6, 8], 10: [2, 8]}  # 2 is the fork's
    assert [step for step in seen if has_state(run.checkpoint("b01", step))] == [2]
    assert all(verify(run.checkpoint("b01", step)) for step in seen)


def test_a_stop_between_checkpoints_loses_no_step(tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = train(tiny_job, make_branch("b01", 3))
    run = RunFolder(tiny_job.run_folder)
    monkeypatch.setattr(branch_module, "STOP_CHECK_INTERVAL_S", 0.0)
    run.stop_request.touch()
    stopped = train(tiny_job, make_branch("b02", 3))
    assert (stopped.end.state, stopped.end.last_step, stopped.scored) == (TrialState.INTERRUPTED, 1, {})
    run.stop_request.unlink()
    trained: list[int] = []
    monkeypatch.setattr(branch_module.BranchWork, "_after_step", lambda self, step: trained.append(step))
    resumed = train(tiny_job, make_branch("b02", 3))
    assert resumed.hashes == alone.hashes
    assert trained == [2, 3, 4, 5, 6]
    assert [told(event) for event in resumed.scored.values()] == [told(event) for event in alone.scored.values()]


@pytest.mark.parametrize("step", [3, 4])
def test_a_stop_just_before_a_checkpoint_can_be_gone_on_from(
    tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    alone = train(tiny_job, make_branch("b01", 3))
    monkeypatch.setattr(branch_module, "STOP_CHECK_INTERVAL_S", 0.0)
    run, look = RunFolder(tiny_job.run_folder), branch_module.BranchWork._after_step

    trained: list[int] = []

    def asked_after(work: branch_module.BranchWork, done: int) -> None:
        trained.append(done)
        if done == step and not run.interrupted("b02").exists():
            run.stop_request.touch()
        look(work, done)

    monkeypatch.setattr(branch_module.BranchWork, "_after_step", asked_after)
    stopped = train(tiny_job, make_branch("b02", 3))
    assert (stopped.end.state, stopped.end.last_step, list(stopped.scored)) == (TrialState.INTERRUPTED, step, [2])
    run.stop_request.unlink()
    resumed = train(tiny_job, make_branch("b02", 3))
    assert resumed.hashes == alone.hashes
    assert trained == [1, 2, 3, 4, 5, 6]  # none of them twice
    assert [told(event) for event in resumed.scored.values()] == [told(event) for event in alone.scored.values()]


def test_a_full_disk_interrupts_the_branch_before_anything_is_written(
    tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(tiny_job, make_branch("b01", 3))
    free = iter([2**40, 2**20, 2**20])  # the first checkpoint fits, the second does not
    usage = shutil.disk_usage(tiny_job.run_folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=next(free)))
    full = train(tiny_job, make_branch("b02", 3))
    assert (full.end.state, full.end.out_of_disk, list(full.scored)) == (TrialState.INTERRUPTED, True, [2])
    assert "the next checkpoint needs" in full.end.reason
    monkeypatch.undo()
    assert [p.name for p in RunFolder(tiny_job.run_folder).branch("b02").iterdir()] == ["000002"]
    monkeypatch.setattr(loaded, "encoder", lambda source: ColourEncoder())
    assert train(tiny_job, make_branch("b02", 3)).hashes == whole.hashes


def test_a_branch_does_not_train_on_other_photos_than_the_run_began_with(tiny_job: SweepJob) -> None:
    whole = train(tiny_job, make_branch("b01", 2))
    keep_digests(RunFolder(tiny_job.run_folder), tiny_job.experiment)
    photo = tiny_job.experiment.concepts[0].instance_images / "1.png"
    before = photo.read_bytes()
    photo.write_bytes(before + b"0")  # the same picture: what counts is the file
    refused = train(tiny_job, make_branch("b02", 2))
    assert (refused.end.state, refused.end.photos_changed, refused.scored) == (TrialState.INTERRUPTED, True, {})
    assert "(changed: concepts[0].instance_images/1.png)" in refused.end.reason
    photo.write_bytes(before)
    assert train(tiny_job, make_branch("b02", 2)).hashes == whole.hashes


def test_a_picture_that_finds_no_room_interrupts_the_branch(
    tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(closer_look, "draw_evaluation", fail)
    driver = train(tiny_job, make_branch("b01", 2))
    assert (driver.end.state, driver.end.out_of_disk) == (TrialState.INTERRUPTED, True)


def test_what_a_killed_write_leaves_is_removed(tiny_job: SweepJob) -> None:
    folder = RunFolder(tiny_job.run_folder).branch("b01")
    for name in (".000002.0123abcd.tmp", ".000002.0123abcd.old"):
        (folder / name).mkdir(parents=True)
        (folder / name / "unet.safetensors").write_bytes(b"half")
    pictures = RunFolder(tiny_job.run_folder).images("b01", 2)
    pictures.mkdir(parents=True)
    (pictures / ".000-7.png.123.tmp").write_bytes(b"half a picture")
    train(tiny_job, make_branch("b01", 1))
    assert [p.name for p in folder.iterdir()] == ["000002"]
    assert list(pictures.glob("*.png"))
    assert not list(pictures.glob(".*"))


def test_nan_ends_the_branch_as_failed(tiny_job: SweepJob) -> None:
    driver = train(tiny_job, make_branch("b01", 2, learning_rate=1e30))
    assert driver.end.state is TrialState.FAILED
    assert "not finite" in driver.end.reason
    verdict = driver.end.verdict
    assert verdict is not None
    assert (verdict.state, verdict.onset_step) == (VerdictState.COLLAPSED, driver.end.last_step + 1)
    assert verdict.evidence == driver.end.reason


def test_unreadable_photos_fail_the_branch_with_the_reason(tiny_job: SweepJob, tmp_path: Path) -> None:
    loaded._latents.cache_clear()
    (tmp_path / "photos" / "0.png").write_bytes(b"no picture")
    driver = train(tiny_job, make_branch("b01", 1))
    assert driver.end.state is TrialState.FAILED
    assert "0.png" in driver.end.reason


def test_a_fork_from_a_checkpoint_without_state_says_so(tiny_job: SweepJob) -> None:
    parent = train(tiny_job, make_branch("b01", 2))
    child = make_branch("b02", 2, parent="b01", fork_epoch=1)
    driver = train(tiny_job, child, fork=fork_of(tiny_job, parent, 2))
    assert driver.end.state is TrialState.FAILED
    assert "keeps no training state" in driver.end.reason
