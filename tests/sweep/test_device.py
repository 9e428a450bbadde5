"""What a trial has of a machine, asked of the driver or named in the file."""

from __future__ import annotations

import os

import pytest

from dbsweep.errors import ResourceError
from dbsweep.sweep import device as device_module
from dbsweep.sweep.device import trial_device, unused_gpu
from tests.plan.experiments import experiment

GIB = 2**30


def seen(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(device_module, "ask_driver", lambda what: lines)


@pytest.mark.parametrize(
    ("resources", "lines", "memory_bytes", "name", "half"),
    [
        ({"gpus_per_trial": 1}, ["24576, 8.6"], 24 * GIB, "the GPU's 24.0 GB", "bf16"),
        ({"gpus_per_trial": 1}, ["15360, 7.5"], 15 * GIB, "the GPU's 15.0 GB", "fp16"),
        ({"gpus_per_trial": 0.25}, ["81920, 9.0"], 20 * GIB, "0.25 of the GPU's 80.0 GB", "bf16"),
        ({"gpus_per_trial": 2}, ["24576, 8.6", "24576, 8.6"], 24 * GIB, "the GPU's 24.0 GB", "bf16"),
        ({"gpus_per_trial": 1, "gpu_memory_gb": 12}, [], 12 * GIB, "the GPU's 12.0 GB", "bf16"),
        ({"gpus_per_trial": 1, "gpu_memory_gb": 12}, ["15360, 7.5"], 12 * GIB, "the GPU's 12.0 GB", "fp16"),
    ],
    ids=["one", "an old one", "a quarter", "two", "named, none here", "named, another here"],
)
def test_a_gpu_s_memory(
    resources: dict[str, float],
    lines: list[str],
    memory_bytes: int,
    name: str,
    half: str,
    monkeypatch: pytest.MonkeyPatch,
):
    seen(monkeypatch, *lines)
    device = trial_device(experiment(resources=resources))
    assert device is not None
    assert (device.memory_bytes, device.name, device.half) == (memory_bytes, name, half)


def test_an_unknown_gpu_is_none_and_auto_cannot_do_with_it(monkeypatch: pytest.MonkeyPatch):
    seen(monkeypatch)
    assert trial_device(experiment(resources={"gpus_per_trial": 1})) is None
    with pytest.raises(ResourceError, match=r"memory auto needs to know .*: set resources.gpu_memory_gb"):
        trial_device(experiment(resources={"gpus_per_trial": 1}, train={"memory": "auto"}))


@pytest.mark.parametrize(
    ("changes", "lines", "is_idle"),
    [
        ({"base_model": "owner/sd15"}, ["NVIDIA RTX 4090"], True),
        ({"base_model": "owner/sd15", "resources": {"gpus_per_trial": 1}}, ["NVIDIA RTX 4090"], False),
        ({"base_model": "owner/sd15"}, [], False),
        ({"base_model": "minisd"}, ["NVIDIA RTX 4090"], False),
    ],
    ids=["asked for none", "used", "there is none", "MiniSD"],
)
def test_a_gpu_that_nobody_asked_for_is_told_of(
    changes: dict[str, object], lines: list[str], is_idle: bool, monkeypatch: pytest.MonkeyPatch
):
    # Without `resources` a sweep of Stable Diffusion would train for days on the CPU.
    seen(monkeypatch, *lines)
    told = unused_gpu(experiment(**changes))
    expected = "all trains and draws on the CPU beside this machine's NVIDIA RTX 4090: set resources.gpus_per_trial: 1"
    assert (told is not None and told.startswith(expected)) == is_idle


def test_workers_on_the_cpu_share_the_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    one, four = (trial_device(experiment(resources={"cpus_per_trial": cpus})) for cpus in (4, 1))
    assert one is not None
    assert four is not None
    assert one.memory_bytes // 4 == four.memory_bytes
    assert one.name == f"{one.memory_bytes / GIB:.1f} GB"
    assert four.name == f"the {four.memory_bytes / GIB:.1f} GB that each of 4 workers has"
    assert four.half is None
