"""Which states a branch lets go of while it trains: never a fork's, and of its own all but the latest."""

from __future__ import annotations

from pathlib import Path

from dbsweep.execution.branch.retention import ResumeStates, has_state
from dbsweep.execution.folder import RunFolder
from dbsweep.models.checkpoint_files import MANIFEST, TREE
from dbsweep.models.checkpoints import CheckpointManifest
from tests.execution.tiny_sweep import PHOTOS, make_branch

STEPS = [PHOTOS * epoch for epoch in (1, 2, 3, 4)]
BRANCH = make_branch("b01", 4, forks=(2,))
"""It forks after its second checkpoint."""


def write(run: RunFolder, step: int) -> None:
    folder = run.checkpoint("b01", step)
    folder.mkdir(parents=True)
    files = {"unet.safetensors": ""} | ({} if step == STEPS[-1] else {TREE: ""})
    for name in files:
        (folder / name).touch()
    manifest = CheckpointManifest(id=f"b01-{step:06d}", step=step, epoch=step // PHOTOS, base_sha256="", files=files)
    (folder / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")


def with_state(run: RunFolder) -> list[int]:
    return [step for step in STEPS if has_state(run.checkpoint("b01", step))]


def test_states_of_an_earlier_attempt_and_of_this_one_go_the_oldest_first(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for step in STEPS[:2]:
        write(run, step)
    states = ResumeStates(run, BRANCH, STEPS[:2])
    for step, milestone in zip(STEPS[2:], BRANCH.milestones[2:], strict=True):
        write(run, step)
        states.add(milestone)
    assert with_state(run) == STEPS[:3]
    states.drop(keep=1)
    assert with_state(run) == STEPS[1:3]  # the first is gone, the second is at the fork
    states.drop(keep=0)
    assert with_state(run) == [STEPS[1]]


def test_what_an_earlier_attempt_has_dropped_does_not_count(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    write(run, STEPS[0])
    ResumeStates(run, BRANCH, STEPS[:1]).drop(keep=0)
    write(run, STEPS[2])
    ResumeStates(run, BRANCH, [STEPS[0], STEPS[2]]).drop(keep=1)
    assert has_state(run.checkpoint("b01", STEPS[2]))
