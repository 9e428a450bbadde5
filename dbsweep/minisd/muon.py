"""The optimizer of MiniSD: Muon for matrices and kernels, AdamW for the rest.

On the autoencoder Muon needs about a fifth of AdamW's steps to the same error, which is what makes a training on
two processor cores possible at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, overload

import torch
import torch.distributed as dist
from torch import Tensor, nn

from dbsweep.minisd.precision import fast_dtype

NEWTON_SCHULZ: Final = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration (Jordan et al. 2024, "Muon: an optimizer for hidden layers")."""
MATCH_ADAM: Final = 0.2
"""Brings updates to the size of Adam's, with the root of the longer side (Liu et al. 2025, arXiv 2502.16982, eq. 4)."""


def orthogonalised(gradient: Tensor, steps: int = 5) -> Tensor:
    """Return the nearest semi-orthogonal matrix to a (rows, columns) gradient, roughly, in float32."""
    a, b, c = NEWTON_SCHULZ
    wide = gradient.shape[0] <= gradient.shape[1]
    x = (gradient if wide else gradient.T) / (gradient.norm() + 1e-7)
    x = x.to(fast_dtype())
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    upright: Tensor = (x if wide else x.T).float()
    return upright


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal; kernels count as (out, in × height × width) matrices."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        """Hold the parameters; each must have two dimensions or more."""
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step (Nesterov momentum, then orthogonalisation); workers share the matrices among them."""
        rank, count = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        for group in self.param_groups:
            values = [value for value in group["params"] if value.grad is not None]
            flat = torch.zeros(sum(value.numel() for value in values))
            parts = torch.split(flat, [value.numel() for value in values])
            for index, (value, part) in enumerate(zip(values, parts, strict=True)):
                ahead = self._ahead(value, group["momentum"])
                if index % count == rank:
                    part.copy_(orthogonalised(ahead.reshape(len(ahead), -1)).reshape(-1))
            if count > 1:
                dist.all_reduce(flat)
            for value, part in zip(values, parts, strict=True):
                size = MATCH_ADAM * max(len(value), value.numel() // len(value)) ** 0.5
                value.mul_(1 - group["lr"] * group["weight_decay"])
                value.add_(part.view_as(value), alpha=-group["lr"] * size)
        return None

    def _ahead(self, value: Tensor, momentum: float) -> Tensor:
        """Move the momentum of a parameter and return its gradient looked ahead."""
        gradient = value.grad
        assert gradient is not None
        buffer: Tensor = self.state[value].setdefault("momentum", torch.zeros_like(value))
        buffer.mul_(momentum).add_(gradient)
        return gradient + momentum * buffer


def is_matrix(name: str, value: Tensor) -> bool:
    """Say whether Muon trains a parameter: matrices and kernels, but no embeddings, inputs or outputs."""
    edge = ("embedding", "conv_in", "conv_out", "conv1", "proj_out.weight_g", "logit", "class_emb")
    return value.ndim >= 2 and not any(part in name for part in edge)


def new_optimizers(modules: nn.Module, rate: float, adam_rate: float, decay: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices of `modules` and AdamW for everything else; only matrices are decayed."""
    named = [(name, value) for name, value in modules.named_parameters() if value.requires_grad]
    matrices = [value for name, value in named if is_matrix(name, value)]
    others = [value for name, value in named if not is_matrix(name, value)]
    return [
        Muon(matrices, lr=rate, weight_decay=decay),
        torch.optim.AdamW(others, lr=adam_rate, betas=(0.9, 0.99), weight_decay=0.0),
    ]
