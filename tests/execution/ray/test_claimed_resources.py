"""What a worker process takes of its machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dbsweep.config.schema import Resources
from dbsweep.execution import loaded
from dbsweep.execution.ray.worker import claim_resources


@pytest.mark.parametrize(
    ("gpus", "device", "share"),
    [(0.0, "cpu", None), (0.25, "cuda", 0.25), (1.0, "cuda", None)],
    ids=["none asked for", "a quarter", "a whole one"],
)
def test_a_worker_computes_on_what_it_has_asked_for(
    gpus: float, device: str, share: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine with a GPU, that Ray shows to everybody."""
    shares: list[float] = []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", shares.append)
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    claim_resources(Resources(gpus_per_trial=gpus))
    assert loaded.device() == device
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ("0" if gpus else "")
    assert shares == ([] if share is None else [share])


@pytest.mark.parametrize(("gpus", "loads"), [(0, []), (1, ["triton"])])
def test_a_worker_leaves_out_what_it_has_no_use_for(gpus: int, loads: list[str], tmp_path: Path) -> None:
    """In a process of its own, where nothing has been imported yet; files stand for the packages."""
    for package in ("triton", "bitsandbytes"):
        (tmp_path / f"{package}.py").write_text("", encoding="utf-8")
    script = f"""
import importlib
from dbsweep.config.schema import Resources
from dbsweep.execution.ray.worker import claim_resources
claim_resources(Resources(gpus_per_trial={gpus}))
for package in ("triton", "bitsandbytes"):
    try:
        importlib.import_module(package)
    except ImportError:
        continue
    print(package)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert ended.stdout.split() == loads
