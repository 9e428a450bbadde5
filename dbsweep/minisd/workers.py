"""Several processes that train one model together, each on one thread."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from dbsweep.minisd.training_loop import Workers

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

Task = Callable[[Workers, Path], None]
"""Runs in every worker; takes the worker and the folder of the training."""


def _enter(task: Task, rank: int, count: int, folder: Path, meeting: Path) -> None:
    torch.set_num_threads(1)
    if count > 1:
        dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=count)
    task(Workers(rank, count), folder)
    if count > 1:
        dist.destroy_process_group()


def train_together(task: Task, folder: Path, count: int | None = None) -> None:
    """Run `task` in `count` processes of one thread each, which average their gradients.

    Args:
        task: a function of a module, so that another process can import it.
        folder: handed on to the task.
        count: how many; None uses every core. The trained weights depend on it.

    Raises:
        RuntimeError: if a worker fails; the checkpoint stays, so the training can go on.
    """
    count = count or os.cpu_count() or 1
    folder.mkdir(parents=True, exist_ok=True)
    meeting = folder / f"meeting-{os.getpid()}"
    meeting.unlink(missing_ok=True)
    context = multiprocessing.get_context("spawn")
    processes: list[BaseProcess] = [
        context.Process(target=_enter, args=(task, rank, count, folder, meeting.absolute()), daemon=True)
        for rank in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    meeting.unlink(missing_ok=True)
    failed = [process.exitcode for process in processes if process.exitcode != 0]
    if failed:
        raise RuntimeError(f"a training worker ended with exit code {failed[0]}; run the same command again to go on")
