"""A branch whose memory runs out goes on with less, says so, and gives up in plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from dbsweep.config.schema import Train
from dbsweep.errors import ResourceError
from dbsweep.execution.backend import Decision
from dbsweep.execution.branch.thrift import Thrift, half_of
from dbsweep.execution.branch.work import run_branch
from dbsweep.execution.jobs import BranchJob, Fork, SweepJob
from dbsweep.models.checkpoint_files import MANIFEST
from dbsweep.models.checkpoints import CheckpointManifest, read_manifest
from dbsweep.plan.memory.ladder import Savings
from dbsweep.records.events import BranchEnded, BranchStarted, CheckpointScored, Event
from dbsweep.records.names import TrialState
from dbsweep.records.plan import Branch
from dbsweep.training.gradients import Gradients
from tests.execution.tiny_sweep import make_branch

CUDA_SAYS = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.78 GiB"


class Seen:
    """Everything that a branch told, and the settings of each attempt."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> Decision:
        self.events.append(event)
        return Decision.GO_ON

    @property
    def after(self) -> list[str]:
        return [event.after for event in self.events if isinstance(event, BranchStarted)]

    @property
    def scored(self) -> dict[int, CheckpointScored]:
        return {event.checkpoint.step: event for event in self.events if isinstance(event, CheckpointScored)}

    @property
    def end(self) -> BranchEnded:
        (end,) = [event for event in self.events if isinstance(event, BranchEnded)]
        return end


def let_only_fit(patch: pytest.MonkeyPatch, fits: Callable[[Train, int], bool]) -> None:
    """Every step for which ``fits(settings, steps done)`` is false ends as on a GPU that is full; on one, it is."""
    real = Gradients.of_step

    def of_step(self: Gradients, step: int, parameters: Sequence[nn.Parameter]) -> tuple[torch.Tensor, int]:
        if not fits(self._train, step):
            if self._device.type == "cuda":
                torch.empty(2**45, dtype=torch.uint8, device=self._device)
            raise torch.OutOfMemoryError(CUDA_SAYS)
        return real(self, step, parameters)

    patch.setattr(Gradients, "of_step", of_step)


def with_train(job: SweepJob, **changes: object) -> SweepJob:
    train = job.experiment.train.model_copy(update=changes)
    return job.model_copy(update={"experiment": job.experiment.model_copy(update={"train": train})})


def run(job: SweepJob, branch: Branch, fork: Fork | None = None) -> Seen:
    seen = Seen()
    run_branch(BranchJob(sweep=job, branch=branch, fork=fork), seen)
    return seen


def test_one_step_that_keeps_the_weights_is_taken_and_told(tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = run(tiny_job, make_branch("b01", 2))
    let_only_fit(monkeypatch, lambda train, step: step < 3 or train.gradient_checkpointing)
    saved = run(tiny_job, make_branch("b02", 2))
    assert saved.after == [
        "",
        "out of memory after step 3; starting again from its last checkpoint with gradient_checkpointing true",
    ]
    assert saved.end.state is TrialState.COMPLETED
    assert [saved.scored[step].log.savings for step in (2, 4)] == [{}, {"gradient_checkpointing": True}]
    assert [event.checkpoint.sha256 for event in saved.scored.values()] == [
        event.checkpoint.sha256 for event in undisturbed.scored.values()
    ]


@pytest.mark.gpu
def test_a_gpu_that_was_full_is_trained_on_again(tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch) -> None:
    assert half_of("cuda") is not None
    test_one_step_that_keeps_the_weights_is_taken_and_told(tiny_job, monkeypatch)


def test_without_auto_there_is_no_second_step(tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch) -> None:
    let_only_fit(monkeypatch, lambda train, step: False)
    end = run(tiny_job, make_branch("b01", 2)).end
    assert (end.state, end.last_step) == (TrialState.FAILED, 0)
    assert end.reason.startswith(
        "out of memory after step 0 even with gradient_checkpointing true (CUDA out of memory."
    )
    for advice in ("train.memory auto", "train.optimizer adamw_8bit", "train.lora_rank 8", "train.resolution (now 64)"):
        assert advice in end.reason
    assert "evaluate.encoder" not in end.reason  # MiniSD's is small
    large = tiny_job.experiment.evaluate.model_copy(update={"encoder": "ViT-L-14/openai"})
    job = tiny_job.model_copy(update={"experiment": tiny_job.experiment.model_copy(update={"evaluate": large})})
    assert "evaluate.encoder ViT-B-32/openai (now ViT-L-14/openai)" in run(job, make_branch("b02", 2)).end.reason


def test_auto_goes_down_the_whole_ladder(tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch) -> None:
    let_only_fit(
        monkeypatch, lambda train, step: (train.optimizer == "adamw_8bit" and train.gradient_checkpointing) or step > 0
    )
    job = with_train(tiny_job, memory="auto")
    seen = run(job, make_branch("b01", 2))
    assert [text.rpartition(" with ")[2] for text in seen.after] == [
        "",
        "optimizer adamw_8bit",
        "gradient_checkpointing true",
    ]
    assert seen.end.state is TrialState.COMPLETED
    assert read_manifest(job.run_folder / seen.scored[4].checkpoint.path).savings == {
        "optimizer": "adamw_8bit",
        "gradient_checkpointing": True,
    }
    let_only_fit(monkeypatch, lambda train, step: False)
    assert "train.memory auto" not in run(job, make_branch("b02", 2)).end.reason


def test_what_is_kept_already_is_not_trained_anew_with_other_numbers(
    tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_only_fit(monkeypatch, lambda train, step: step < 3 or train.gradient_checkpointing)
    seen = run(with_train(tiny_job, memory="auto"), make_branch("b01", 2))
    assert seen.scored[4].log.savings == {"gradient_checkpointing": True}


def test_a_fork_goes_on_with_its_parent_s_settings(tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state that it starts from is an 8-bit optimizer's."""
    job = with_train(tiny_job, memory="auto")
    let_only_fit(monkeypatch, lambda train, step: train.optimizer == "adamw_8bit")
    parent = run(job, make_branch("b01", 2, forks=(1,), text_encoder_epochs=2)).scored
    assert parent[2].scorecard is not None
    fork = Fork(step=2, checkpoint=job.run_folder / parent[2].checkpoint.path, lineage=((2, parent[2].scorecard),))
    child = run(job, make_branch("b02", 2, parent="b01", fork_epoch=1, text_encoder_epochs=1), fork)
    assert child.after == [""]
    assert child.end.state is TrialState.COMPLETED
    assert child.scored[4].log.savings == {"optimizer": "adamw_8bit"}


def test_a_fork_whose_parent_has_taken_the_step_is_tried_once_more(
    tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_only_fit(monkeypatch, lambda train, step: train.gradient_checkpointing)
    parent = run(tiny_job, make_branch("b01", 2, forks=(1,), text_encoder_epochs=2)).scored[2]
    assert parent.scorecard is not None
    fork = Fork(step=2, checkpoint=tiny_job.run_folder / parent.checkpoint.path, lineage=((2, parent.scorecard),))
    full = iter([True, False])  # of a device that somebody else fills for a moment
    let_only_fit(monkeypatch, lambda train, step: not next(full, False))
    passing = run(tiny_job, make_branch("b02", 2, parent="b01", fork_epoch=1, text_encoder_epochs=1), fork)
    assert passing.after == [
        "",
        "out of memory after step 2; starting again from its last checkpoint, as it was: nothing is left to save, but "
        "another process may have had the memory",
    ]
    assert passing.end.state is TrialState.COMPLETED
    let_only_fit(monkeypatch, lambda train, step: False)
    lasting = run(tiny_job, make_branch("b03", 2, parent="b01", fork_epoch=1, text_encoder_epochs=1), fork)
    assert (len(lasting.after), lasting.end.state) == (2, TrialState.FAILED)
    assert "even with gradient_checkpointing true" in lasting.end.reason


def test_a_setting_that_is_swept_is_changed_too(tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unlike the choice before a run, which is one for all trials."""
    let_only_fit(monkeypatch, lambda train, step: train.optimizer == "adamw_8bit")
    branch = make_branch("b01", 1)
    branch = branch.model_copy(update={"settings": {**branch.settings, "optimizer": "adamw"}})
    seen = run(with_train(tiny_job, memory="auto"), branch)
    assert seen.end.state is TrialState.COMPLETED
    assert seen.scored[2].log.savings == {"optimizer": "adamw_8bit"}


def test_what_has_been_saved_since_the_start_stays_saved(tiny_job: SweepJob, tmp_path: Path) -> None:
    """The next attempt starts from the same checkpoint, which tells of less."""
    earlier: Savings = {"batch_size": 2, "gradient_accumulation": 2}
    manifest = CheckpointManifest(id="b01-000002", step=2, epoch=1, base_sha256="", savings=earlier)
    (tmp_path / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
    thrift = Thrift(BranchJob(sweep=with_train(tiny_job, batch_size=4), branch=make_branch("b01", 2)), None)
    thrift.go_on_from(tmp_path)
    assert thrift.savings == earlier
    thrift.savings = {"batch_size": 1, "gradient_accumulation": 4}
    thrift.go_on_from(tmp_path)
    assert thrift.savings == {"batch_size": 1, "gradient_accumulation": 4}


def all_savings(thrift: Thrift) -> list[Savings]:
    """What it has saved after each time that memory ran out, until nothing is left."""
    taken: list[Savings] = []
    for _ in range(20):
        try:
            thrift.save(1, CUDA_SAYS)
        except ResourceError:
            return taken
        taken.append(thrift.savings)
    raise AssertionError(f"it saves without end: {taken}")


def test_each_attempt_needs_less_and_is_as_fast_as_may_be(tiny_job: SweepJob) -> None:
    """Of 16 photos MiniSD keeps most: smaller passes, or the whole one recomputed, whichever takes less time."""
    job = with_train(tiny_job, memory="auto", batch_size=16)
    thrift = Thrift(BranchJob(sweep=job, branch=make_branch("b01", 2)), "bf16")
    taken = all_savings(thrift)
    needs = [thrift._need(savings) for savings in ({}, *taken)]
    assert needs == sorted(set(needs), reverse=True)
    assert all(int(s.get("batch_size", 16)) * int(s.get("gradient_accumulation", 1)) == 16 for s in taken)
    assert "gradient_checkpointing" in taken[-1]
    sizes = [int(savings.get("batch_size", 16)) for savings in taken]
    assert sizes != sorted(sizes, reverse=True), "or none was made whole again when it could be recomputed"


def test_what_was_kept_with_other_numbers_goes_on_with_them(tiny_job: SweepJob) -> None:
    job = with_train(tiny_job, memory="auto", batch_size=16)
    thrift = Thrift(BranchJob(sweep=job, branch=make_branch("b01", 2)), "bf16")
    thrift.savings = {"precision": "bf16", "optimizer": "adamw_8bit"}
    thrift.kept()
    taken = all_savings(thrift)
    assert taken
    assert all(savings.items() >= {"precision": "bf16", "optimizer": "adamw_8bit"}.items() for savings in taken)


def test_a_pass_that_is_made_larger_again_is_told(tiny_job: SweepJob) -> None:
    """Two of 16 images, recomputed, need less than four of 8 that are kept, and take less time."""
    job = with_train(tiny_job, memory="auto", batch_size=16)
    thrift = Thrift(BranchJob(sweep=job, branch=make_branch("b01", 2)), None)
    thrift.savings = {"optimizer": "adamw_8bit", "batch_size": 4, "gradient_accumulation": 4}
    thrift.kept()
    assert thrift.save(3, CUDA_SAYS) == (
        "out of memory after step 3; starting again from its last checkpoint with batch_size 8, "
        "gradient_accumulation 2, gradient_checkpointing true"
    )
    assert thrift.savings.items() >= {"optimizer": "adamw_8bit", "gradient_checkpointing": True}.items()


def test_other_errors_are_not_taken_for_it(tiny_job: SweepJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def of_step(*_: object) -> object:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(Gradients, "of_step", of_step)
    with pytest.raises(RuntimeError, match="shapes"):
        run(tiny_job, make_branch("b01", 1))


def test_old_gpus_have_fp16_and_cpus_have_no_fast_half(monkeypatch: pytest.MonkeyPatch) -> None:
    assert half_of("cpu") is None
    for has_bf16, half in ((True, "bf16"), (False, "fp16")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, has=has_bf16: has)
        assert half_of("cuda") == half
