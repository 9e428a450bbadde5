"""GPUs, and Stable Diffusion to train on them."""

from __future__ import annotations

from dbsweep.config.schema import Experiment
from dbsweep.plan.memory.needs import Device
from dbsweep.plan.memory.training import GIB
from tests.plan.experiments import experiment

SD1 = "stable-diffusion-v1-5/stable-diffusion-v1-5"


def gpu(gigabytes: float, half: str = "bf16") -> Device:
    name = f"the GPU's {gigabytes:g} GB"
    return Device.model_validate({"memory_bytes": int(gigabytes * GIB), "name": name, "half": half})


def sd1(memory: str = "auto", **changes: object) -> Experiment:
    train = {"memory": memory, **dict(changes.pop("train", {}))}  # type: ignore[call-overload]
    return experiment(base_model=SD1, train=train, resources={"gpus_per_trial": 1}, **changes)
