"""Losses are scaled and gradients brought back where half precision needs it, and nowhere else."""

from __future__ import annotations

import pytest
import torch

from dbsweep.errors import ResourceError
from dbsweep.training import precision
from dbsweep.training.precision import MixedPrecision, check_precision

CPU = torch.device("cpu")


@pytest.fixture
def half(monkeypatch: pytest.MonkeyPatch) -> MixedPrecision:
    """As on a GPU; torch scales on the CPU too."""
    monkeypatch.setattr(precision, "check_precision", lambda *_, **__: None)
    return MixedPrecision("fp16", CPU)


def weight() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor([2.0]))


def step(made: MixedPrecision, parameter: torch.nn.Parameter, factor: float) -> torch.Tensor:
    """One step of SGD at rate 1 on factor · w; returns the gradient as clipping sees it."""
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    parameter.grad = None
    torch.autograd.backward(made.scale((factor * parameter).sum()))
    made.unscale(optimizer)
    assert parameter.grad is not None
    gradient = parameter.grad.clone()
    made.step(optimizer)
    return gradient


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_only_fp16_is_scaled(name: str) -> None:
    made, loss = MixedPrecision(name, CPU), torch.tensor(3.0)
    assert made.scaler is None
    assert made.scale(loss) is loss
    assert made.state() == {}


def test_a_scaled_step_is_the_step_itself(half: MixedPrecision) -> None:
    parameter = weight()
    assert half.scale(torch.tensor(1.0)).item() == 65536.0  # torch's first scale
    assert step(half, parameter, 0.5).item() == 0.5
    assert parameter.item() == 1.5


def test_an_overflow_skips_the_step_and_halves_the_scale(half: MixedPrecision) -> None:
    parameter = weight()
    step(half, parameter, float("inf"))
    assert parameter.item() == 2.0
    assert half.scale(torch.tensor(1.0)).item() == 32768.0


def test_the_scale_goes_on_from_a_state(half: MixedPrecision) -> None:
    step(half, weight(), float("inf"))
    step(half, weight(), 1.0)
    other = MixedPrecision("fp16", CPU)
    other.load_state({**half.state(), "step": torch.tensor(2)})
    assert half.scaler is not None
    assert other.scaler is not None
    assert other.scaler.state_dict() == half.scaler.state_dict()
    assert other.scale(torch.tensor(1.0)).item() == 32768.0


@pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_a_forward_pass_has_the_precision(name: str, dtype: torch.dtype) -> None:
    with MixedPrecision(name, CPU).autocast():
        assert torch.nn.functional.linear(torch.ones(1, 2), torch.ones(3, 2)).dtype is dtype


def test_fp16_needs_a_gpu() -> None:
    with pytest.raises(ResourceError, match="fp16 needs a GPU, and trials run on the CPU: use bf16 or fp32"):
        check_precision("fp16", on_gpu=False)
    check_precision("fp16", on_gpu=True)
