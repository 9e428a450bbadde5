"""The faults of `python -m benchmarks.faults`: what strikes a worker, a driver, or the files that it leaves."""

from __future__ import annotations

import errno
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from dbsweep.execution.backend import Emit
from dbsweep.execution.folder import RunFolder
from dbsweep.execution.jobs import BranchJob
from dbsweep.execution.ray.worker import Body
from dbsweep.records.plan import Branch
from dbsweep.records.record import Record

if TYPE_CHECKING:
    from torch import Tensor


class Kind(StrEnum):
    """What happens."""

    KILL_IN_STEP = "worker killed between two steps"
    KILL_IN_WRITE = "worker killed while it writes a checkpoint"
    HANG = "worker hangs"
    RAISE = "worker raises once"
    MEMORY = "worker runs out of memory once"
    DISK_FULL = "no disk space left for a checkpoint"
    KILL_DRIVER = "driver killed, its ledger's log left behind"
    TRUNCATE = "newest checkpoint of a branch cut in half"
    FLIP = "one bit of the newest checkpoint of a branch flipped"
    RAY_STATE = "every file of Ray's own state cut in half"
    ALWAYS_RAISES = "branch raises whenever it is tried"
    ALWAYS_NAN = "loss of a branch is always NaN"
    ALWAYS_DIES = "worker of a branch dies whenever it is tried"


ONCE = (Kind.KILL_IN_STEP, Kind.KILL_IN_WRITE, Kind.HANG, Kind.RAISE, Kind.MEMORY, Kind.DISK_FULL)
ALWAYS = (Kind.ALWAYS_RAISES, Kind.ALWAYS_NAN, Kind.ALWAYS_DIES)
DAMAGE = (Kind.TRUNCATE, Kind.FLIP, Kind.RAY_STATE)
IN_WRITE = (Kind.KILL_IN_WRITE, Kind.DISK_FULL)


class Fault(Record):
    """One fault.

    Attributes:
        branch: that it strikes; "" for the driver's.
        step: after which it strikes; of the driver's, the new checkpoints that it still records.
    """

    kind: Kind
    branch: str = ""
    step: int = 0


class Faults(Record):
    """All faults of one run, and where it is noted which have struck and which steps have been trained."""

    faults: tuple[Fault, ...]
    notes: Path

    @property
    def steps(self) -> Path:
        """A line ``branch step pid`` for each trained step."""
        return self.notes / "steps"

    def strikes(self, fault: Fault) -> bool:
        """Whether it is this fault's time; those that strike once have then struck."""
        try:
            (self.notes / f"struck-{self.faults.index(fault)}").touch(exist_ok=fault.kind in ALWAYS)
        except FileExistsError:
            return False
        return True

    @property
    def struck(self) -> tuple[Fault, ...]:
        """Those that have struck, each once."""
        return tuple(f for i, f in enumerate(self.faults) if (self.notes / f"struck-{i}").exists())

    def of(self, branch: str, step: int, *, in_write: bool) -> Iterator[Fault]:
        """Those that strike a worker here."""
        for fault in self.faults:
            if (fault.branch, fault.step) == (branch, step) and (fault.kind in IN_WRITE) == in_write:
                yield fault


def faulty_body(faults: Faults) -> Body:
    """Trains as `run_branch` does until a fault strikes."""

    def body(job: BranchJob, emit: Emit) -> None:
        from dbsweep.execution.branch.work import run_branch
        from dbsweep.execution.ray.worker import claim_resources

        claim_resources(job.sweep.experiment.resources)
        with _faulty_steps(faults), _faulty_writes(faults):
            run_branch(job, emit)

    return body


@contextmanager
def _faulty_steps(faults: Faults) -> Iterator[None]:
    from dbsweep.execution.branch.work import BranchWork

    after_step = BranchWork._after_step

    def faulty(work: BranchWork, step: int) -> None:
        after_step(work, step)
        branch = work._job.branch.id
        with faults.steps.open("a") as stream:
            stream.write(f"{branch} {step} {os.getpid()}\n")
        for fault in faults.of(branch, step, in_write=False):
            if faults.strikes(fault):
                _strike(fault.kind, work)

    with patch.object(BranchWork, "_after_step", faulty):
        yield


def _strike(kind: Kind, work: object) -> None:
    match kind:
        case Kind.KILL_IN_STEP | Kind.ALWAYS_DIES:
            os.kill(os.getpid(), signal.SIGKILL)
        case Kind.HANG:
            time.sleep(3600)
        case Kind.RAISE | Kind.ALWAYS_RAISES:
            raise RuntimeError("a fault of the benchmark")
        case Kind.MEMORY:
            raise MemoryError("a fault of the benchmark")
        case Kind.ALWAYS_NAN:
            for parameter in work._models.unet.parameters():  # type: ignore[attr-defined]
                parameter.data.fill_(float("nan"))


@contextmanager
def _faulty_writes(faults: Faults) -> Iterator[None]:
    """A checkpoint's fault strikes when its files are written and its manifest is not."""
    from dbsweep.execution.branch import checkpoints as branch_checkpoints
    from dbsweep.models import checkpoints
    from dbsweep.models.hashes import values_sha256

    write = checkpoints.write_checkpoint

    def faulty(folder: Path, *, manifest: checkpoints.CheckpointManifest, **rest: object) -> object:
        def hashed(values: Mapping[str, Mapping[str, Tensor]]) -> str:
            for fault in faults.of(manifest.id.split("-")[0], manifest.step, in_write=True):
                if faults.strikes(fault):
                    if fault.kind is Kind.KILL_IN_WRITE:
                        os.kill(os.getpid(), signal.SIGKILL)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return values_sha256(values)

        with patch.object(checkpoints, "values_sha256", hashed):
            return write(folder, manifest=manifest, **rest)  # type: ignore[arg-type]

    with patch.object(branch_checkpoints, "write_checkpoint", faulty):
        yield


def damage(kind: Kind, run: RunFolder, branches: tuple[Branch, ...], rng: random.Random) -> bool:
    """Damages what a dead driver has left; False where there is nothing of the kind."""
    if kind is Kind.RAY_STATE:
        files = [path for path in (run.path / "ray").rglob("*") if path.is_file()]
    else:
        files = [rng.choice(sorted(newest.iterdir())) for newest in _newest(run, branches, rng)]
    for file in files:
        content = bytearray(file.read_bytes())
        if kind is Kind.FLIP:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            file.write_bytes(content)
        else:
            file.write_bytes(content[: len(content) // 2])
    return bool(files)


def _newest(run: RunFolder, branches: tuple[Branch, ...], rng: random.Random) -> list[Path]:
    """The newest checkpoint of one of the branches that are begun and not finished."""
    begun = []
    for branch in branches:
        folders = [run.checkpoint(branch.id, m.step) for m in branch.milestones]
        there = [folder for folder in folders if folder.is_dir()]
        if there and not folders[-1].is_dir():
            begun.append(there[-1])
    return [rng.choice(begun)] if begun else []
