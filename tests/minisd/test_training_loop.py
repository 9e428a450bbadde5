"""A training that was killed goes on to the same weights; rates rise and fall."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

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
