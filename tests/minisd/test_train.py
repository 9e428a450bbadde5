"""The whole recipe of MiniSD, small."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dbsweep.minisd.train import main

STEPS = dict.fromkeys(("autoencoder", "decoder", "denoiser", "clip", "text"), "2")
BATCHES = {"autoencoder": "2", "denoiser": "2", "clip": "4", "text": "4"}
MICRO = [
    *("--renders", "48", "--text-renders", "48", "--save-every", "1", "--workers", "1"),
    *(word for name, steps in STEPS.items() for word in (f"--{name}-steps", steps)),
    *(word for name, batch in BATCHES.items() for word in (f"--{name}-batch", batch)),
]


@pytest.mark.slow
def test_the_whole_recipe_runs_small_and_a_second_run_changes_nothing(tmp_path: Path):
    main(["--out", str(tmp_path), *MICRO])
    weights = tmp_path / "pipeline" / "unet" / "diffusion_pytorch_model.safetensors"
    before = load_file(weights)
    main(["--out", str(tmp_path), *MICRO])
    assert all(torch.equal(before[name], value) for name, value in load_file(weights).items())
    assert (tmp_path / "clip" / "open_clip_model.safetensors").exists()
