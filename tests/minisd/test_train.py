"""Making MiniSD again: a killed training goes on to the same weights, rates rise and fall, Muon is orthogonal."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from dbsweep.minisd.muon import is_matrix, new_optimizers, orthogonalised
from dbsweep.minisd.train import main
from dbsweep.minisd.training_loop import Loop, LoopPlan

PLAN = LoopPlan("toy", steps=12, learning_rate=0.02, warmup=2, save_every=3)


def toy_loop(folder: Path, stop_after: int | None = None) -> nn.ModuleDict:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    modules = nn.ModuleDict({"net": net})

    def loss(generator: torch.Generator) -> torch.Tensor:
        x = torch.randn(16, 4, generator=generator)
        error: torch.Tensor = (net(x) - x[:, :2].sin()).pow(2).mean()
        return error

    Loop(modules, PLAN, folder, lambda line: None, stop_after=stop_after).run(loss)
    return modules


def test_a_stopped_loop_goes_on_to_the_same_weights(tmp_path: Path):
    whole = toy_loop(tmp_path / "whole").state_dict()
    toy_loop(tmp_path / "parts", stop_after=5)
    resumed = toy_loop(tmp_path / "parts").state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    stopped = toy_loop(tmp_path / "short", stop_after=5).state_dict()
    assert not torch.equal(whole["net.0.weight"], stopped["net.0.weight"])


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path: Path):
    net = nn.Linear(2, 2)
    loop = Loop(nn.ModuleDict({"net": net}), PLAN, tmp_path, lambda line: None)
    with pytest.raises(FloatingPointError, match="toy: the loss is nan at step 0"):
        loop.run(lambda generator: net.weight.sum() * float("nan"))


@pytest.mark.parametrize(("step", "factor"), [(0, 0.01), (49, 0.5), (99, 1.0), (599, 1.0), (800, 0.5), (999, 0.0025)])
def test_rates_rise_stay_and_fall(step: int, factor: float):
    plan = LoopPlan("plan", steps=1000, learning_rate=1.0, warmup=100, cooldown=0.4)
    assert plan.factor_at(step) == pytest.approx(factor)


def test_muon_steps_are_nearly_orthogonal():
    values = torch.linalg.svdvals(orthogonalised(torch.randn(24, 60, generator=torch.Generator().manual_seed(0))))
    assert 0.6 < float(values.min()) < float(values.max()) < 1.3


def test_embeddings_and_vectors_are_not_trained_by_muon():
    assert is_matrix("unet.mid_block.conv.weight", torch.zeros(4, 4, 3, 3))
    assert not is_matrix("text_encoder.embeddings.token_embedding.weight", torch.zeros(9, 4))
    assert not is_matrix("unet.norm.weight", torch.zeros(4))
    modules = nn.ModuleDict({"net": nn.Linear(3, 3), "token_embedding": nn.Embedding(5, 3)})
    muon, adam = new_optimizers(modules, 1e-3, 1e-3, 0.1)
    assert [len(group["params"]) for o in (muon, adam) for group in o.param_groups] == [1, 2]
    assert all(group["weight_decay"] == 0 for group in adam.param_groups)


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
