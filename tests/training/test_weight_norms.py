"""What a LoRA adds to a layer's weights stays within a norm; what is smaller, or frozen, stays to the bit."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from dbsweep.models.adapters import AdapterShape, add_adapters, factors_of, merge_adapters
from dbsweep.training.weight_norms import NormLimit, product_norm


class Network(nn.Module):
    """Three layers under names that a LoRA of a UNet changes."""

    def __init__(self) -> None:
        super().__init__()
        self.to_q = nn.Linear(6, 5)
        self.conv1 = nn.Conv2d(4, 3, 3)
        self.proj_in = nn.Conv2d(4, 7, 1)


def with_lora(strengths: tuple[float, float, float], alpha: float = 6.0) -> Network:
    """A network whose LoRA adds weights of about these sizes to the layers."""
    generator = torch.Generator().manual_seed(0)
    network = Network()
    add_adapters({"unet": network}, AdapterShape(rank=2, alpha=alpha, targets="convolution"))
    for (first, second, _), strength in zip(factors_of(network), strengths, strict=True):
        first.data.copy_(torch.randn(first.shape, generator=generator))
        second.data.copy_(strength * torch.randn(second.shape, generator=generator))
    return network


def added(network: Network) -> list[torch.Tensor]:
    """What the LoRA adds to the weights of each layer, by merging it."""
    merged, plain = copy.deepcopy(network), copy.deepcopy(network)
    merge_adapters({"unet": merged})
    kept = {k.replace(".base_layer", ""): v for k, v in plain.state_dict().items()}
    return [(v - kept[k]).double() for k, v in merged.state_dict().items() if k.endswith("weight")]


def test_norms_above_the_limit_become_the_limit_and_keep_their_direction() -> None:
    network = with_lora((1.0, 3.0, 0.5))
    before = added(network)
    NormLimit([network], 0.25).apply()
    after = added(network)
    assert len(before) == 3
    for old, new in zip(before, after, strict=True):
        assert old.norm().item() > 1.0
        torch.testing.assert_close(new, old * (0.25 / old.norm()), rtol=1e-4, atol=1e-6)


def test_both_factors_shrink_alike() -> None:
    network = with_lora((1.0, 1.0, 1.0))
    (first, second, scale), *_ = factors_of(network)
    old = first.detach().clone().double(), second.detach().clone().double()
    NormLimit([network], 0.25).apply()
    shrink = math.sqrt(0.25 / torch.linalg.matrix_norm(scale * old[1] @ old[0]).item())
    torch.testing.assert_close(first.detach().double(), shrink * old[0], rtol=1e-5, atol=0.0)
    torch.testing.assert_close(second.detach().double(), shrink * old[1], rtol=1e-5, atol=0.0)


def test_what_is_smaller_stays_to_the_bit() -> None:
    network = with_lora((1e-3, 0.0, 10.0))
    before = [(first.clone(), second.clone()) for first, second, _ in factors_of(network)]
    NormLimit([network], 2.0).apply()
    after = [(first, second) for first, second, _ in factors_of(network)]
    same = [torch.equal(a, b) and torch.equal(c, d) for (a, c), (b, d) in zip(before, after, strict=True)]
    assert same == [True, True, False]


def test_what_does_not_train_stays() -> None:
    network = with_lora((10.0, 10.0, 10.0))
    network.requires_grad_(False)
    before = [second.clone() for _, second, _ in factors_of(network)]
    NormLimit([network], 0.1).apply()
    assert all(torch.equal(a, b) for a, (_, b, _) in zip(before, factors_of(network), strict=True))


@pytest.mark.parametrize("rank", [1, 4, 64])
def test_the_norm_of_a_product_needs_no_product(rank: int) -> None:
    generator = torch.Generator().manual_seed(rank)
    first, second = torch.randn(rank, 20, generator=generator), torch.randn(30, rank, generator=generator)
    expected = torch.linalg.matrix_norm(second.double() @ first.double()).item()
    assert product_norm(first, second).item() == pytest.approx(expected, rel=1e-5)
