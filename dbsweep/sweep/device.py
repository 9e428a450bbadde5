"""The memory that one trial has on this machine, or on the GPU that the experiment names."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from dbsweep.errors import ResourceError
from dbsweep.sweep.named_models import MINISD

if TYPE_CHECKING:
    from dbsweep.config.schema import Experiment, Resources
    from dbsweep.plan.memory.needs import Device

_MIB = 2**20

_FIRST_WITH_BF16 = 8.0
"""Compute capability from which on (Ampere) bf16 is as fast as fp16."""


def trial_device(experiment: Experiment) -> Device | None:
    """What a trial has; None where it trains on a GPU that is neither named nor seen from here.

    Raises:
        ResourceError: `train.memory` is auto, which needs to know.
    """
    resources = experiment.resources
    if resources.gpus_per_trial == 0:
        return _share_of_machine(resources)
    device = _share_of_gpu(resources)
    if device is None and experiment.train.memory == "auto":
        raise ResourceError(
            "train.memory auto needs to know how much memory the GPU has, and no GPU is seen from here:"
            " set resources.gpu_memory_gb"
        )
    return device


def unused_gpu(experiment: Experiment) -> str | None:
    """That a GPU of this machine would stay idle; MiniSD needs none."""
    if experiment.resources.gpus_per_trial > 0 or experiment.base_model == MINISD:
        return None
    gpus = ask_driver("name")
    if not gpus:
        return None
    return f"all trains and draws on the CPU beside this machine's {gpus[0]}: set resources.gpus_per_trial: 1 to use it"


def _share_of_machine(resources: Resources) -> Device | None:
    from dbsweep.plan.memory.needs import Device
    from dbsweep.plan.memory.training import GIB

    if not hasattr(os, "sysconf"):  # on Windows a plan forecasts no memory of the machine
        return None
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    workers = max(1, int((os.cpu_count() or 1) / resources.cpus_per_trial))
    share = whole // workers
    name = f"the {share / GIB:.1f} GB that each of {workers} workers has" if workers > 1 else f"{whole / GIB:.1f} GB"
    return Device(memory_bytes=share, name=name)


def _share_of_gpu(resources: Resources) -> Device | None:
    from dbsweep.plan.memory.needs import Device
    from dbsweep.plan.memory.training import GIB

    seen = _first_gpu()
    if resources.gpu_memory_gb is not None:
        whole = resources.gpu_memory_gb * GIB
    elif seen is not None:
        whole = seen[0] * _MIB
    else:
        return None
    share = min(1.0, resources.gpus_per_trial)
    name = f"the GPU's {whole / GIB:.1f} GB"
    return Device(
        memory_bytes=int(whole * share),
        name=name if share == 1.0 else f"{share:g} of {name}",
        half="bf16" if seen is None or seen[1] >= _FIRST_WITH_BF16 else "fp16",
    )


def _first_gpu() -> tuple[int, float] | None:
    """Memory in MiB and compute capability of this machine's first NVIDIA GPU, as its driver tells them."""
    lines = ask_driver("memory.total,compute_cap")
    if not lines:
        return None
    memory, capability = lines[0].split(",")
    return int(memory), float(capability)


def ask_driver(what: str) -> tuple[str, ...]:
    """One line for each NVIDIA GPU of this machine; empty without a driver."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return ()
    asked = [command, f"--query-gpu={what}", "--format=csv,noheader,nounits"]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
    return tuple(told.stdout.strip().splitlines()) if told.returncode == 0 else ()
