"""A limit to what a LoRA adds to each layer's weights, so that no layer outgrows the others."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from dbsweep.models.adapters import factors_of


class NormLimit:
    """Scales a LoRA's factors down where their product is too large, as kohya's ``--scale_weight_norms`` does.

    Where ‖alpha / rank · B A‖, in Frobenius' norm, is above the limit, both factors are multiplied by the root of
    limit / norm: the product then has the limit's norm.

    Args:
        networks: with their adapters; of those that do not train any more nothing moves.
        limit: above 0.
    """

    def __init__(self, networks: Iterable[nn.Module], limit: float) -> None:
        self._factors = [factors for network in networks for factors in factors_of(network)]
        self._limit = limit

    @torch.no_grad()
    def apply(self) -> None:
        """To be called after each step of the optimizer."""
        for first, second, scale in self._factors:
            if first.requires_grad:
                norm = scale * product_norm(first, second)
                shrink = (self._limit / norm).clamp(max=1.0).sqrt()  # 1 for a norm of 0, of which it is infinite
                first.mul_(shrink)
                second.mul_(shrink)


def product_norm(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """‖B A‖ of A (rank, …) and B (n, rank) or (n, rank, 1, 1): a scalar.

    By ‖B A‖² = Σ (Bᵀ B) ∘ (A Aᵀ), whose matrices are of the rank and not of the layer.
    """
    a, b = first.flatten(1), second.flatten(1)
    return ((b.T @ b) * (a @ a.T)).sum().clamp(min=0.0).sqrt()
