"""Fixtures that the tests of several rooms share."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.groups import group_of, put_longest_first

os.environ["HF_HUB_OFFLINE"] = "1"  # before any import of huggingface_hub: tests never reach for a network
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "passive"  # a thread that turns in a circle takes the core from the one it waits for
# By itself Ray runs its workers at 15: beside another process that tests, on as many cores, they would hardly run, and
# the threads of one would wait for each other.
os.environ.update(RAY_worker_niceness="0")

RAY_CPUS = 2

# A busy machine is slow, not wrong.
settings.register_profile("dbsweep", deadline=None)
settings.load_profile("dbsweep")


def pytest_configure(config: pytest.Config) -> None:
    """Hides GPUs unless ``-m`` chooses: what runs in this process is compared bit for bit with workers on the CPU.

    Groups are handed out in the order of `put_longest_first`; pytest-xdist would begin with those of most tests.
    """
    if not config.option.markexpr:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    config.option.loadscopereorder = False


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the tests, one gets all that need a Ray, the others whole files.

    Without a GPU those that need one are skipped.
    """
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skipif(not _has_gpu(), reason="needs a CUDA device"))
        item.add_marker(pytest.mark.xdist_group(group_of(item)))
    put_longest_first(items)


@functools.cache
def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """After each test one thread again: this process is compared bit for bit with workers of one, and a benchmark's
    command sets its own number."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(autouse=True)
def nothing_is_kept_of_ray(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test on the shared Ray all of its CPUs are free: a later test would wait for them forever."""
    yield
    if "ray_session" in request.fixturenames and (ray := sys.modules["ray"]).is_initialized():
        end = time.monotonic() + 60.0
        while (free := ray.available_resources().get("CPU", 0.0)) < RAY_CPUS and time.monotonic() < end:
            time.sleep(0.02)
        assert free == RAY_CPUS, f"of {RAY_CPUS} CPUs {free:g} are free again"


@pytest.fixture
def dbsweep(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """(exit code, stdout, stderr) of `dbsweep WORDS`."""
    from tests.commands.calling import call

    return lambda *words: call(capsys, monkeypatch, *map(str, words))


@pytest.fixture(scope="session")
def tiny_sd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers pipeline folder of random weights (about 0.2M parameters) for 64×64 images; read only."""
    import torch

    from tests.tiny_models import write_pipeline

    torch.set_num_threads(1)
    return write_pipeline(tmp_path_factory.mktemp("tiny") / "sd")


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One Ray for all tests: starting it takes seconds."""
    import ray

    from dbsweep.execution.ray.start import start_ray

    start_ray(num_cpus=RAY_CPUS)
    yield
    ray.shutdown()
