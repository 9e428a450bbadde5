"""What a worker process takes of its machine."""

from __future__ import annotations

import os

import pytest
import torch

from dbsweep.config.schema import Resources
from dbsweep.execution import loaded
from dbsweep.execution.ray_worker import claim_resources


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
