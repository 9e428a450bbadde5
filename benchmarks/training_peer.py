"""The peer of the training benchmark: diffusers' DreamBooth example script, run as users run it and timed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.training_case import (
    CLASS_IMAGES_PER_PHOTO,
    CLASS_PROMPT,
    INSTANCE_PROMPT,
    LEARNING_RATE,
    LORA_RANK,
    PHOTOS,
    RESOLUTION,
    Case,
    Inputs,
    steps_per_second,
)
from dbsweep.execution.ray.start import ENVIRONMENT

PROGRESS: Final = re.compile(rb"Steps:[^\r\n]*?(\d+)/(\d+) \[")
"""The script's tqdm bar, which it redraws after every step."""


class PeerError(Exception):
    """The script failed; the message is the last that it printed."""


@dataclass(frozen=True, slots=True)
class PeerRun:
    """One run of the script.

    Attributes:
        first_step_s: from the start of its process to the end of its first optimizer step.
        seconds: of the whole process; its result is then saved.
        memory_bytes: the most that its process ever had in memory.
    """

    first_step_s: float
    steps_per_s: float
    seconds: float
    memory_bytes: int


def peer_arguments(inputs: Inputs, case: Case, out: Path) -> list[str]:
    """The arguments, as in the script's README, of DreamBooth with prior preservation."""
    arguments = [
        f"--pretrained_model_name_or_path={inputs.model}",
        f"--instance_data_dir={inputs.photos}",
        f"--instance_prompt={INSTANCE_PROMPT}",
        f"--class_data_dir={inputs.class_images}",
        f"--class_prompt={CLASS_PROMPT}",
        "--with_prior_preservation",
        "--prior_loss_weight=1.0",
        f"--num_class_images={PHOTOS * CLASS_IMAGES_PER_PHOTO}",
        f"--output_dir={out}",
        f"--resolution={RESOLUTION}",
        "--train_batch_size=1",
        "--gradient_accumulation_steps=1",
        f"--learning_rate={LEARNING_RATE}",
        "--lr_scheduler=constant",
        "--lr_warmup_steps=0",
        f"--max_train_steps={case.steps}",
        f"--checkpointing_steps={case.steps + 1}",  # none on the way: only the final result
    ]
    return arguments + ([f"--rank={LORA_RANK}"] if case.lora else []) + ["--train_text_encoder"] * case.text_encoder


def run_peer(script: Path, arguments: Iterable[str], *, launcher: tuple[str, ...] = (sys.executable,)) -> PeerRun:
    """Run the script and time it, without what our workers find in their environment.

    Args:
        launcher: what comes before the script on the command line.

    Raises:
        PeerError: if it fails, or shows no progress.
    """
    environment = {name: value for name, value in os.environ.items() if ENVIRONMENT.get(name) != value}
    begun = time.monotonic()
    with subprocess.Popen(
        [*launcher, str(script), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    ) as process:
        ends, tail = _watch(process)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begun
    if process.returncode != 0 or not ends:
        reason = next((line for line in reversed(re.split(r"[\r\n]+", tail)) if line.strip()), "it printed nothing")
        raise PeerError(f"{script.name} ended with {process.returncode}: {reason.strip()}")
    return PeerRun(
        first_step_s=ends[0] - begun,
        steps_per_s=steps_per_second(ends),
        seconds=seconds,
        memory_bytes=usage.ru_maxrss * 1024,  # Linux counts in KiB
    )


def _watch(process: subprocess.Popen[bytes]) -> tuple[tuple[float, ...], str]:
    """The moment at which the end of each step showed, and the end of what was printed."""
    assert process.stderr is not None
    ends: list[float] = []
    text = b""
    while chunk := os.read(process.stderr.fileno(), 65536):
        now = time.monotonic()
        text = (text + chunk)[-65536:]
        steps = finished_steps(text)
        ends += [now] * (steps - len(ends))
    return tuple(ends), text[-4000:].decode(errors="replace")


def finished_steps(text: bytes) -> int:
    """How many optimizer steps the last progress bar in the text shows; 0 without one."""
    bars = PROGRESS.findall(text)
    return int(bars[-1][0]) if bars else 0
