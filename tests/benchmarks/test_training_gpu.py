"""The GPU benchmark on the CPU with tiny networks, and what it has recorded against what pages and forecasts say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks import training_gpu
from benchmarks.training_gpu import WAYS, WAYS_BATCH, main
from benchmarks.training_gpu_peer import PeerCase, median_seconds, script_arguments, step_ends
from benchmarks.training_gpu_scene import Scene, train_settings
from dbsweep.plan.memory.sizes import SD1
from dbsweep.plan.memory.training import GIB, training_memory

RECORDED: dict[str, Any] = json.loads(Path("benchmarks/results/training_gpu.json").read_text(encoding="utf-8"))


class Script:
    """Stands in for the peer's: parses nothing, and makes as many optimizer steps as are allowed."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def parse_args(self, given: list[str]) -> list[str]:
        self.given = given
        return given

    def main(self, given: list[str]) -> None:
        weight = nn.Parameter(torch.ones(2))
        optimizer = torch.optim.AdamW([weight])
        for _ in range(100):
            weight.grad = torch.ones(2)
            optimizer.step()
        raise AssertionError("it was to be ended")


def test_the_script_is_ended_after_its_steps(tmp_path: Path):
    script = Script()
    case = PeerCase(tmp_path / "model", tmp_path / "photos", resolution=512, precision="bf16", batch_size=4)
    ends, _ = step_ends(script, case, tmp_path, steps=7)
    assert len(ends) == 7
    assert ends == sorted(ends)
    assert script.given == script_arguments(case, tmp_path, 8)
    assert {"--train_batch_size=4", "--mixed_precision=bf16", "--train_text_encoder"} <= set(script.given)


def test_the_median_leaves_the_warm_up_out():
    assert median_seconds([0.0, 50.0, 51.0, 53.0, 54.0], warm_up=1) == 1.0


def test_without_a_gpu_it_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main([]) == 2
    assert "there is no GPU here; --small tries the command without one" in capsys.readouterr().err


def test_the_command_runs_with_tiny_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(training_gpu, "STEPS", 2)
    monkeypatch.setattr(training_gpu, "WAYS", {"text_encoder frozen": WAYS["text_encoder frozen"]})
    monkeypatch.setattr(training_gpu, "WAYS_BATCH", 1)
    assert main(["--small", "--batches", "1", "--out", str(tmp_path / "out.json")]) == 0
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert written["is_whole"]
    assert json.loads(capsys.readouterr().out) == {key: written[key] for key in written if key not in
                                                   ("is_whole", "date", "command")}  # fmt: skip
    assert written["batch_1"]["images_per_s"] > 0
    assert written["batch_1, text_encoder frozen"]["forecast_gib"] < written["batch_1"]["forecast_gib"]
    assert written["drawing"]["fp16"]["levels_from_fp32"] > written["drawing"]["fp32"]["levels_from_fp32"] == 0.0


def measured_rows() -> list[tuple[str, int, dict[str, Any]]]:
    """(key, batch size, changed settings) of what was recorded of our own training."""
    plain: dict[str, Any] = {}
    rows = [(key, int(key.removeprefix("batch_")), plain) for key in RECORDED if key.removeprefix("batch_").isdigit()]
    return rows + [(f"batch_{WAYS_BATCH}, {way}", WAYS_BATCH, changes) for way, changes in WAYS.items()
                   if f"batch_{WAYS_BATCH}, {way}" in RECORDED]  # fmt: skip


@pytest.mark.parametrize(("key", "batch", "changes"), measured_rows())
def test_the_forecast_of_memory_is_what_was_measured(key: str, batch: int, changes: dict[str, Any]):
    """Within 5%; with checkpointing it is an upper bound, 16% above.

    The LoRA was measured around a UNet in float32, of which autocast made copies: 4 bytes more of each weight.
    """
    scene = Scene(None, 512, 1.0)  # type: ignore[arg-type]
    forecast = training_memory(train_settings(scene, batch, **changes), SD1, prompts=1, scoring_bytes=0)
    since = 4 * SD1.unet if "lora_rank" in changes else 0
    above = 0.16 if "checkpointing" in key else 0.05
    assert 1.0 <= (forecast.total + since - forecast.reserve) / GIB / RECORDED[key]["memory_gib"] <= 1.0 + above
