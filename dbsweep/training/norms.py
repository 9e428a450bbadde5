"""Norms of a UNet in the precision of what goes through them.

Autocast computes group and layer norms in float32 from half-precision tensors and hands float32 on, for the next layer
to turn it into half precision again: on a GPU these copies take a good part of a step. The kernels themselves sum in
float32 whatever they read and write.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class _GroupNorm(nn.GroupNorm):
    """As its base class; in half precision where its input is."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        with torch.autocast(input.device.type, enabled=False):
            weight, bias = (None if each is None else each.to(input.dtype) for each in (self.weight, self.bias))
            return functional.group_norm(input, self.num_groups, weight, bias, self.eps)


class _LayerNorm(nn.LayerNorm):
    """As its base class; in half precision where its input is."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        with torch.autocast(input.device.type, enabled=False):
            weight, bias = (None if each is None else each.to(input.dtype) for each in (self.weight, self.bias))
            return functional.layer_norm(input, self.normalized_shape, weight, bias, self.eps)


_PLAIN_TO_OURS: dict[type[nn.Module], type[nn.Module]] = {nn.GroupNorm: _GroupNorm, nn.LayerNorm: _LayerNorm}


def set_half_norms(network: nn.Module, wanted: bool) -> None:
    """Changes the network's norms in place, or back; names and weights stay."""
    changes = _PLAIN_TO_OURS if wanted else {ours: plain for plain, ours in _PLAIN_TO_OURS.items()}
    for module in network.modules():
        if type(module) in changes:
            module.__class__ = changes[type(module)]
