"""A worker that makes no progress is ended, so that its branch is tried again; what it hung in is kept."""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from dbsweep.execution.folder import RunFolder
from dbsweep.records.events import BranchEnded
from dbsweep.records.names import TrialState

if TYPE_CHECKING:  # the driver, which reads the traces, needs no torch
    from dbsweep.models.bundle import StableDiffusion

LOOKS = 20
"""Progress is taken note of at most this many times a timeout: starting a timer costs a thread."""


class StallWatch:
    """Ends this process with exit code 1 when `alive` has not been called for some time.

    The timer is a thread of the interpreter itself (`faulthandler`), so that it also ends a process that hangs inside
    a library and never gives Python a turn. It exists once a process: one branch at a time.

    Args:
        timeout_s: time without progress; 0 never ends the process.
        traces: file to which the stack of every thread is added at the end; removed when there is nothing in it.
    """

    def __init__(self, timeout_s: float, traces: Path) -> None:
        self._timeout_s = timeout_s
        self._path = traces

    def __enter__(self) -> StallWatch:
        if self._timeout_s:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
            self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._timeout_s:
            faulthandler.cancel_dump_traceback_later()
            self._file.close()
            if self._path.stat().st_size == 0:
                self._path.unlink()

    def alive(self) -> None:
        """Progress has been made."""
        if self._timeout_s and time.monotonic() - self._started > self._timeout_s / LOOKS:
            self._start()

    @contextmanager
    def following(self, models: StableDiffusion) -> Iterator[None]:
        """Inside, every pass of the UNet and every batch that the autoencoder encodes or decodes is progress."""
        modules = (models.unet, models.vae.encoder, models.vae.decoder)
        hooks = [module.register_forward_hook(lambda *_: self.alive()) for module in modules]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _start(self) -> None:
        self._started = time.monotonic()
        faulthandler.dump_traceback_later(self._timeout_s, exit=True, file=self._file)


def traces_file(run: RunFolder, branch: str) -> Path:
    """Where the stacks of a branch's stalled attempts lie."""
    return run.branch(branch) / "stalled.txt"


def task_traces_file(run: RunFolder, task: str) -> Path:
    """Where the stacks of a stalled task lie that made shared inputs or grids."""
    return run.path / "stalled" / f"{task}.txt"


def tasks_explained(run: RunFolder, timeout_s: float) -> str:
    """What is known of stalled tasks, to be added to a message; empty where none has stalled."""
    traces = sorted(path for path in task_traces_file(run, "*").parent.glob("*.txt") if path.stat().st_size)
    return f"; {_hint(traces[0], timeout_s)}" if traces else ""


def explained(end: BranchEnded, run: RunFolder, timeout_s: float) -> BranchEnded:
    """The end of a branch that failed, with what is known of its stalled attempts in its reason."""
    traces = traces_file(run, end.branch)
    if end.state is not TrialState.FAILED or not traces.is_file():
        return end
    return end.model_copy(update={"reason": f"{end.reason}; {_hint(traces, timeout_s)}"})


def _hint(traces: Path, timeout_s: float) -> str:
    return f"an attempt made no progress for {timeout_s:g} s (resources.stall_timeout_s); {traces} shows where it hung"
