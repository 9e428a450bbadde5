"""The peer on a GPU: diffusers' DreamBooth example script, its `main` called with the arguments of its users.

Python and libraries are loaded once for all batch sizes, which its users wait for each time; that is left out.
"""

from __future__ import annotations

import gc
import importlib.util
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from benchmarks.training_case import INSTANCE_PROMPT, LEARNING_RATE


class _Enough(Exception):
    """As many steps as were asked for are done; what the script would save is not needed."""


@dataclass(frozen=True, slots=True)
class PeerCase:
    """What the script trains.

    Attributes:
        model: diffusers folder.
        photos: folder.
        precision: as accelerate names it.
    """

    model: Path
    photos: Path
    resolution: int
    precision: str
    batch_size: int


def load_script(path: Path) -> Any:  # noqa: ANN401
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("train_dreambooth", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def script_arguments(case: PeerCase, out: Path, steps: int) -> list[str]:
    """As in its README: both networks train, without class images."""
    return [
        f"--pretrained_model_name_or_path={case.model}",
        f"--instance_data_dir={case.photos}",
        f"--instance_prompt={INSTANCE_PROMPT}",
        f"--output_dir={out}",
        f"--resolution={case.resolution}",
        f"--train_batch_size={case.batch_size}",
        "--gradient_accumulation_steps=1",
        f"--learning_rate={LEARNING_RATE}",
        "--lr_scheduler=constant",
        "--lr_warmup_steps=0",
        f"--max_train_steps={steps}",
        f"--checkpointing_steps={steps + 1}",
        f"--mixed_precision={case.precision}",
        "--train_text_encoder",
    ]


def step_ends(script: Any, case: PeerCase, out: Path, steps: int) -> tuple[list[float], int]:  # noqa: ANN401
    """The moment in seconds at which each step has ended on the device, and the most memory of all in bytes."""
    ends: list[float] = []

    def mark(*_: object) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        ends.append(time.perf_counter())
        if len(ends) == steps:
            raise _Enough

    hook = register_optimizer_step_post_hook(mark)
    try:
        script.main(script.parse_args(script_arguments(case, out, steps + 1)))
    except _Enough:
        pass
    finally:
        hook.remove()
    gpu = torch.cuda.is_available()
    memory = torch.cuda.max_memory_allocated() if gpu else 0
    gc.collect()
    if gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return ends, memory


def median_seconds(ends: Sequence[float], warm_up: int) -> float:
    """Of a step, after the warm-up."""
    gaps = sorted(after - before for before, after in zip(ends[warm_up:], ends[warm_up + 1 :], strict=False))
    return gaps[len(gaps) // 2]
