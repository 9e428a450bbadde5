"""Optimizers do what their papers say, in one group a network; what is dropped from them moves no more."""

from __future__ import annotations

import builtins
import math
import subprocess
import sys
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from dbsweep.errors import ResourceError
from dbsweep.training.optimizer import drop_parameters, estimate, make_optimizer, set_learning_rates
from dbsweep.training.state import copies, load_optimizer, optimizer_tensors
from tests.training.dreambooth import differing, settings


@pytest.mark.parametrize("name", ["adamw", "adamw_8bit", "lion_8bit", "adafactor"])
def test_settings_reach_the_optimizer_and_dropped_parameters_rest(name: str) -> None:
    kept, dropped = (nn.Parameter(torch.ones(5000)) for _ in range(2))
    train = settings(optimizer=name, weight_decay=0.5, learning_rate=0.1, text_encoder_learning_rate=0.2)
    optimizer = make_optimizer(train, [[kept], [dropped]])
    for _ in range(2):
        kept.grad, dropped.grad = torch.zeros(5000), torch.zeros(5000)
        optimizer.step()
    assert kept[0].item() == pytest.approx(0.95**2)  # decay alone: 1 - 0.1 * 0.5
    assert dropped[0].item() == pytest.approx(0.9**2)
    drop_parameters(optimizer, [dropped])
    set_learning_rates(optimizer, (0.2, 0.3))
    optimizer.step()
    assert kept[0].item() == pytest.approx(0.95**2 * 0.9)
    assert dropped[0].item() == pytest.approx(0.9**2)
    assert list(optimizer.state) == [kept]


def quadratic(optimizer: torch.optim.Optimizer, weights: nn.Parameter, target: torch.Tensor, steps: int) -> None:
    """Walks down half the squared distance to the target."""
    for _ in range(steps):
        weights.grad = (weights - target).detach()
        optimizer.step()


def test_adafactor_takes_the_given_rate() -> None:
    """Shazeer & Stern 2018, algorithm 4, with a fixed step size: the second moment is a product of row and column."""
    weights, target = nn.Parameter(torch.zeros(3, 4)), torch.arange(12.0).reshape(3, 4) - 5.0
    quadratic(make_optimizer(settings(optimizer="adafactor", learning_rate=0.1, weight_decay=0.0), [[weights]]),
              weights, target, 2)  # fmt: skip
    expected, row, column = torch.zeros(3, 4).double(), torch.zeros(3).double(), torch.zeros(4).double()
    for step in (1, 2):
        gradient = expected - target.double()
        beta = 1.0 - step**-0.8
        row = beta * row + (1 - beta) * (gradient**2 + 1e-30).mean(dim=1)
        column = beta * column + (1 - beta) * (gradient**2 + 1e-30).mean(dim=0)
        update = gradient / (row[:, None] * column[None] / row.mean()).sqrt()
        expected = expected - 0.1 * update / max(1.0, update.square().mean().sqrt().item())
    torch.testing.assert_close(weights.detach().double(), expected, rtol=1e-5, atol=1e-6)


def test_lion_steps_by_the_sign() -> None:
    """Chen et al. 2023, algorithm 2; the sign alone counts, so 8 bits of momentum give the very same first steps."""
    weights, target = nn.Parameter(torch.zeros(4096)), torch.linspace(-3.0, 3.0, 4096)
    quadratic(make_optimizer(settings(optimizer="lion_8bit", learning_rate=0.125, weight_decay=0.0), [[weights]]),
              weights, target, 3)  # fmt: skip
    far = target.abs() > 0.5
    assert torch.equal(weights.detach()[far], 3 * 0.125 * target.sign()[far])


def test_lion_remembers_a_hundredth_of_each_gradient() -> None:
    """Table 12: after a gradient of 1 the momentum is 0.01, and a step goes by the sign of 0.9 * 0.01 + 0.1 * the next.

    That is positive still where the next is -0.05, and not where it is -0.2.
    """
    for second, moved in ((-0.05, -2.0), (-0.2, 0.0)):
        weights = nn.Parameter(torch.zeros(4096))
        optimizer = make_optimizer(settings(optimizer="lion_8bit", learning_rate=0.125, weight_decay=0.0), [[weights]])
        for gradient in (1.0, second):
            weights.grad = torch.full((4096,), gradient)
            optimizer.step()
        assert torch.equal(weights.detach(), torch.full((4096,), 0.125 * moved))


def test_prodigy_finds_its_rate_by_its_equations() -> None:
    """Mishchenko & Defazio 2023, algorithm 4, with Adam's bias correction in the rate and a guarded warm-up."""
    weights, target = nn.Parameter(torch.zeros(6)), torch.tensor([3.0, -2.0, 1.0, 0.5, -4.0, 2.0])
    quadratic(make_optimizer(settings(optimizer="prodigy", learning_rate=1.0, weight_decay=0.0), [[weights]]),
              weights, target, 30)  # fmt: skip
    beta3 = math.sqrt(0.999)
    x, m, v, s = (torch.zeros(6).double() for _ in range(4))
    start, r, d = x.clone(), 0.0, 1e-6
    for step in range(1, 31):
        g = x - target.double()
        rate = d * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        m = 0.9 * m + 0.1 * d * g
        v = 0.999 * v + 0.001 * (d * g) ** 2
        r = beta3 * r + (d / 1e-6) * rate * torch.dot(g, start - x).item()
        s = beta3 * s + (d / 1e-6) * d * g
        d = max(d, r / s.abs().sum().item())
        x = x - rate * m / (v.sqrt() + d * 1e-8)
    assert d > 5e-6  # it has grown
    torch.testing.assert_close(weights.detach().double(), x, rtol=1e-3, atol=1e-9)


def test_the_rate_that_prodigy_has_found_comes_back_to_the_bit() -> None:
    train, target = settings(optimizer="prodigy", learning_rate=1.0), torch.tensor([3.0, -2.0, 1.0, 0.5, -4.0, 2.0])
    alone, first, second = (nn.Parameter(torch.zeros(6)) for _ in range(3))
    quadratic(make_optimizer(train, [[alone]]), alone, target, 60)
    before, after = make_optimizer(train, [[first]]), make_optimizer(train, [[second]])
    quadratic(before, first, target, 30)
    second.data.copy_(first.data)
    load_optimizer(after, {second: "w"}, copies(optimizer_tensors(before, {first: "w"})))
    assert estimate(after) == estimate(before) > 5e-6
    quadratic(after, second, target, 30)
    assert torch.equal(second, alone)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 2e-6}, "multiplies its own estimate by learning_rate, got 2e-06; use 1"),
        ({"learning_rate": 1.0, "text_encoder_learning_rate": 0.5}, "one learning rate for all that trains"),
        ({"learning_rate": 1.0, "scale_lr": True}, "scale_lr would multiply it; remove it"),
    ],
)
def test_prodigy_refuses_rates_that_it_would_misread(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        settings(optimizer="prodigy", **changes)


@pytest.mark.parametrize("name", ["paged_adamw_8bit", "paged_lion_8bit"])
def test_paged_moments_need_a_gpu(name: str) -> None:
    with pytest.raises(ResourceError, match=rf"{name} pages between GPU and CPU.*use {name.removeprefix('paged_')}"):
        make_optimizer(settings(optimizer=name), [[nn.Parameter(torch.ones(1))]])


def test_eight_bits_need_bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_bitsandbytes(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("bitsandbytes"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_bitsandbytes)
    with pytest.raises(ResourceError, match="adamw_8bit needs bitsandbytes: install it, or use adamw"):
        make_optimizer(settings(optimizer="adamw_8bit"), [[nn.Parameter(torch.ones(1))]])


def test_a_worker_that_left_bitsandbytes_out_lets_it_in_for_eight_bits() -> None:
    """In a process of its own: a package whose operators torch knows is not loaded twice."""
    script = """
import torch
from dbsweep.config.schema import Train
from dbsweep.models.left_out import leave_out
from dbsweep.training.optimizer import make_optimizer
leave_out("bitsandbytes")
weight = torch.nn.Parameter(torch.ones(64, 64))
optimizer = make_optimizer(Train(optimizer="adamw_8bit", learning_rate=0.1), [[weight]])
weight.grad = torch.ones_like(weight)
optimizer.step()
print(type(optimizer).__name__, bool((weight < 1).all()))
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["AdamW8bit", "True"]


SIZES = (300, 4096, 5000, 200_000)
"""Of the tensors: in 32 bits, in whole blocks of 8 bits, in blocks that are not full, large enough to be paged."""


class Walk:
    """Steps of an optimizer on gradients that the step alone decides."""

    def __init__(self, name: str, device: str) -> None:
        self._weights = [nn.Parameter(torch.zeros(size, device=device)) for size in SIZES]
        train = settings(optimizer=name, learning_rate=1.0 if name == "prodigy" else 1e-3)
        self._optimizer = make_optimizer(train, [self._weights])
        self._names = {weights: f"{len(weights)}" for weights in self._weights}

    def go(self, *steps: int) -> Walk:
        for step in steps:
            generator = torch.Generator().manual_seed(step)
            for weights in self._weights:
                gradient = torch.randn(len(weights), generator=generator) ** 3
                weights.grad = (gradient * (gradient.abs() > 0.01)).to(weights.device)  # some are zero
            self._optimizer.step()
        return self

    def state(self) -> dict[str, torch.Tensor]:
        weights = {f"weights.{len(each)}": each for each in self._weights}
        return copies({**weights, **optimizer_tensors(self._optimizer, self._names)})

    def load(self, state: dict[str, torch.Tensor]) -> Walk:
        with torch.no_grad():
            for weights in self._weights:
                weights.copy_(state[f"weights.{len(weights)}"])
        load_optimizer(self._optimizer, self._names, state)
        return self


ON_EVERY_DEVICE = ("adamw", "adamw_8bit", "lion_8bit", "adafactor", "prodigy")
WALKS = [(name, "cpu") for name in ON_EVERY_DEVICE] + [
    pytest.param(name, "cuda", marks=pytest.mark.gpu)
    for name in (*ON_EVERY_DEVICE, "paged_adamw_8bit", "paged_lion_8bit")
]


@pytest.mark.parametrize(("name", "device"), WALKS)
def test_equal_gradients_give_equal_bits_also_from_a_state(name: str, device: str) -> None:
    """Where trainings differ on a GPU, this tells whether it is the optimizer or its gradients."""
    once = Walk(name, device).go(1, 2, 3, 4).state()
    assert differing(once, Walk(name, device).go(1, 2, 3, 4).state()) == []
    assert differing(once, Walk(name, device).load(Walk(name, device).go(1, 2).state()).go(3, 4).state()) == []
    assert "weights.5000" in differing(once, Walk(name, device).go(1, 2, 4, 4).state())
