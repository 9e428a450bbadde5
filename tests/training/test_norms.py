"""Norms in half precision: as near to float32 as autocast's own, and float32 itself as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import nn

from dbsweep.training.norms import set_half_norms
from tests.training.dreambooth import fresh_models


def gradients(unet: UNet2DConditionModel, dtype: torch.dtype) -> torch.Tensor:
    """Of one pass over noise."""
    generator = torch.Generator().manual_seed(3)
    noise, context = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 7, 32, generator=generator)
    unet.zero_grad()
    with torch.autocast("cpu", dtype, enabled=dtype is not torch.float32):
        context = context[..., : unet.config.cross_attention_dim]
        prediction = unet(noise, torch.tensor([300, 700]), encoder_hidden_states=context, return_dict=False)[0]
    torch.autograd.backward((prediction.float() - noise).square().mean())
    return torch.cat([p.grad.flatten() for p in unet.parameters() if p.grad is not None])


def test_gradients_are_as_near_to_float32_as_those_of_autocast(tiny_sd: Path) -> None:
    unet = fresh_models(tiny_sd).unet.train()
    exact, plain = gradients(unet, torch.float32), gradients(unet, torch.bfloat16)
    set_half_norms(unet, True)
    assert torch.equal(gradients(unet, torch.float32), exact)
    ours = gradients(unet, torch.bfloat16)
    assert not torch.equal(ours, plain)
    assert (ours - exact).norm() < 1.5 * (plain - exact).norm() < 0.05 * exact.norm()
    set_half_norms(unet, False)
    assert torch.equal(gradients(unet, torch.bfloat16), plain)


@pytest.mark.parametrize("norm", [nn.GroupNorm(2, 4), nn.LayerNorm(4), nn.LayerNorm(4, elementwise_affine=False)])
def test_a_norm_gives_the_precision_that_it_gets(norm: nn.Module) -> None:
    values = torch.randn(2, 4, 4)
    exact = norm(values)
    network = nn.Sequential(norm)
    names = list(network.state_dict())
    set_half_norms(network, True)
    with torch.autocast("cpu", torch.bfloat16):
        half = network(values.bfloat16())
    assert half.dtype is torch.bfloat16
    assert torch.allclose(half.float(), exact, atol=0.05)
    assert torch.equal(network(values), exact)
    assert list(network.state_dict()) == names
