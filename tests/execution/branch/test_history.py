"""What an earlier attempt has left is not made again, and what is damaged or gone is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dbsweep.errors import ModelError
from dbsweep.execution import loaded
from dbsweep.execution.branch import work as branch_module
from dbsweep.execution.branch.retention import has_state
from dbsweep.execution.drawing import closer_look
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import SweepJob
from dbsweep.models.checkpoint_files import drop_state, drop_weights
from dbsweep.models.restoring import read_weights
from dbsweep.records.names import TrialState
from dbsweep.records.plan import Branch
from dbsweep.scoring.scorecard import score_checkpoint
from tests.execution.sweeps import make_plan
from tests.execution.tiny_sweep import ColourEncoder, make_branch, make_tiny_job, prepare_as
from tests.execution.trained import fork_of, train


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, tiny_sd: Path, tiny_preparation: Path) -> dict[int, str]:
    """Hashes of the checkpoints of three epochs that nothing disturbs, of a sweep that equals `tiny_job`."""
    job = make_tiny_job(tmp_path_factory.mktemp("undisturbed"), tiny_sd)
    prepare_as(tiny_preparation, job)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaded, "encoder", lambda source: ColourEncoder())
        return train(job, make_branch("b01", 3)).hashes


def test_a_stop_at_a_checkpoint_can_be_gone_on_from(tiny_job: SweepJob, alone: dict[int, str]) -> None:
    stopped = train(tiny_job, make_branch("b02", 3), stop_at=4)
    assert (stopped.end.state, stopped.end.last_step) == (TrialState.INTERRUPTED, 4)
    resumed = train(tiny_job, make_branch("b02", 3))
    assert resumed.end.state is TrialState.COMPLETED
    assert repr(resumed.scored[2]) == repr(stopped.scored[2])  # told again, not made again
    assert resumed.hashes == alone
    assert not RunFolder(tiny_job.run_folder).interrupted("b02").exists()


@pytest.mark.parametrize("lost", ["images", "checkpoint", "event of the stop"])
def test_a_stopped_branch_whose_earlier_files_are_gone_is_trained_again(
    tiny_job: SweepJob, alone: dict[int, str], lost: str
) -> None:
    train(tiny_job, make_branch("b02", 3), stop_at=4)
    run = RunFolder(tiny_job.run_folder)
    match lost:
        case "images":
            shutil.rmtree(run.branch_images("b02"))
        case "checkpoint":
            shutil.rmtree(run.checkpoint("b02", 2))
        case "event of the stop":
            run.event("b02", 4).unlink()
    resumed = train(tiny_job, make_branch("b02", 3))
    assert (resumed.end.state, resumed.hashes) == (TrialState.COMPLETED, alone)


def trained_after(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that are trained from now on."""
    trained: list[int] = []
    monkeypatch.setattr(branch_module.BranchWork, "_after_step", lambda self, step: trained.append(step))
    return trained


def test_a_stop_that_is_damaged_is_not_gone_on_from(
    tiny_job: SweepJob, alone: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tiny_job, make_branch("b02", 3), stop_at=4)
    file = RunFolder(tiny_job.run_folder).interrupted("b02") / "state.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    trained = trained_after(monkeypatch)
    assert train(tiny_job, make_branch("b02", 3)).hashes == alone
    assert trained == [5, 6]  # from the checkpoint


def test_a_stop_before_the_latest_checkpoint_is_not_gone_on_from(
    tiny_job: SweepJob, alone: dict[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a process was killed between the checkpoint and the removal of what an earlier stop had saved."""
    train(tiny_job, make_branch("b02", 3), stop_at=2)
    stopped = RunFolder(tiny_job.run_folder).interrupted("b02")
    shutil.copytree(stopped, tmp_path / "earlier")
    train(tiny_job, make_branch("b02", 3), stop_at=4)
    shutil.rmtree(stopped)
    shutil.copytree(tmp_path / "earlier", stopped)
    trained = trained_after(monkeypatch)
    assert train(tiny_job, make_branch("b02", 3)).hashes == alone
    assert trained == [5, 6]


def test_a_branch_that_is_gone_on_with_still_has_two_states(tiny_job: SweepJob) -> None:
    run = RunFolder(tiny_job.run_folder)
    for _ in range(2):
        train(tiny_job, make_branch("b01", 4), stop_at=6)
        assert [step for step in (2, 4, 6) if has_state(run.checkpoint("b01", step))] == [4, 6]


@pytest.mark.parametrize("damage", ["event", "weights", "everything"])
def test_after_a_crash_a_branch_goes_on_from_what_is_whole(tiny_job: SweepJob, damage: str) -> None:
    run = RunFolder(tiny_job.run_folder)
    whole = train(tiny_job, make_branch("b01", 3, forks=(1, 2)))
    match damage:
        case "event":
            run.event("b01", 4).unlink()
        case "weights":
            weights = run.checkpoint("b01", 4) / "unet.safetensors"
            weights.write_bytes(weights.read_bytes()[:-1] + b"\x55")
        case "everything":
            shutil.rmtree(run.branch("b01"))
    assert train(tiny_job, make_branch("b01", 3, forks=(1, 2))).hashes == whole.hashes


def test_dying_while_scoring_costs_one_checkpoint_interval(
    tiny_job: SweepJob, alone: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(checkpoint: str, *rest: object) -> object:
        if checkpoint == "b02-000004":
            raise KeyboardInterrupt
        return score_checkpoint(checkpoint, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(closer_look, "score_checkpoint", die)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_job, make_branch("b02", 3))
    monkeypatch.undo()
    trained: list[int] = []
    monkeypatch.setattr(branch_module.BranchWork, "_after_step", lambda self, step: trained.append(step))
    monkeypatch.setattr(loaded, "encoder", lambda source: ColourEncoder())
    assert train(tiny_job, make_branch("b02", 3)).hashes == alone
    assert trained == [3, 4, 5, 6]


@pytest.mark.parametrize(
    ("name", "damage"),
    [("unet.safetensors", "flipped"), ("state.safetensors", "truncated"), ("manifest.json", "truncated")],
)
def test_a_damaged_newest_checkpoint_costs_one_interval(
    tiny_job: SweepJob, alone: dict[int, str], monkeypatch: pytest.MonkeyPatch, name: str, damage: str
) -> None:
    train(tiny_job, make_branch("b02", 3), stop_at=4)
    run = RunFolder(tiny_job.run_folder)
    shutil.rmtree(run.interrupted("b02"))  # as after a SIGKILL
    file = run.checkpoint("b02", 4) / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x10
    file.write_bytes(content[: len(content) // 2] if damage == "truncated" else content)
    trained: list[int] = []
    monkeypatch.setattr(branch_module.BranchWork, "_after_step", lambda self, step: trained.append(step))
    assert train(tiny_job, make_branch("b02", 3)).hashes == alone
    assert trained == [3, 4, 5, 6]


def test_a_fork_is_gone_on_with_from_its_own_latest_state(tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train(tiny_job, make_branch("b01", 2, forks=(1,), text_encoder_epochs=2))
    child, fork = make_branch("b02", 3, parent="b01", fork_epoch=1), fork_of(tiny_job, first, 2)
    train(tiny_job, child, fork=fork, stop_at=4)
    shutil.rmtree(RunFolder(tiny_job.run_folder).interrupted("b02"))  # as after a SIGKILL
    trained = trained_after(monkeypatch)
    assert train(tiny_job, child, fork=fork).end.state is TrialState.COMPLETED
    assert trained == [5, 6]


def write_plan(job: SweepJob, *branches: Branch) -> None:
    plan = make_plan().model_copy(update={"branches": branches})
    RunFolder(job.run_folder).plan.write_text(plan.model_dump_json(), encoding="utf-8")


def test_dropped_weights_are_not_trained_again_and_training_goes_on_without_them(
    tiny_job: SweepJob, alone: dict[int, str]
) -> None:
    train(tiny_job, make_branch("b02", 3), stop_at=4)
    run = RunFolder(tiny_job.run_folder)
    for step in (2, 4):
        drop_weights(run.checkpoint("b02", step))
    resumed = train(tiny_job, make_branch("b02", 3))
    assert resumed.hashes == alone
    assert [path.name for path in run.checkpoint("b02", 2).iterdir()] == ["manifest.json"]
    with pytest.raises(ModelError, match="its weights were dropped"):
        read_weights(run.checkpoint("b02", 2), loaded.models_to_change(tiny_job.base))


@pytest.mark.parametrize("damaged", [False, True])
def test_a_dropped_fork_state_is_made_again_only_where_a_child_needs_it(
    tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    parent = make_branch("b01", 2, forks=(1,), text_encoder_epochs=2)
    child = make_branch("b02", 3, parent="b01", fork_epoch=1)
    write_plan(tiny_job, parent, child)
    first = train(tiny_job, parent)
    second = train(tiny_job, child, fork=fork_of(tiny_job, first, 2))
    run = RunFolder(tiny_job.run_folder)
    drop_state(run.checkpoint("b01", 2))
    if damaged:
        (run.checkpoint("b02", 4) / "unet.safetensors").write_bytes(b"")
    trained: list[int] = []
    monkeypatch.setattr(branch_module.BranchWork, "_after_step", lambda self, step: trained.append(step))
    again = train(tiny_job, parent)
    assert again.hashes == first.hashes
    assert train(tiny_job, child, fork=fork_of(tiny_job, again, 2)).hashes == second.hashes
    assert trained == ([1, 2, 3, 4, 3, 4, 5, 6] if damaged else [])
