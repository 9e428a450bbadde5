"""The optimizer: one AdamW group for all that trains."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from dbsweep.config.schema import Train
from dbsweep.errors import ResourceError

BETAS = (0.9, 0.999)
EPSILON = 1e-8


def make_optimizer(train: Train, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019) in one fused pass over the parameters, or its 8-bit variant.

    Raises:
        ResourceError: ``adamw_8bit`` without bitsandbytes.
    """
    if train.optimizer == "adamw":
        return torch.optim.AdamW(
            parameters, lr=train.learning_rate, betas=BETAS, eps=EPSILON, weight_decay=train.weight_decay, fused=True
        )
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise ResourceError("train.optimizer adamw_8bit needs bitsandbytes: install it, or use adamw") from error
    eight_bit: torch.optim.Optimizer = AdamW8bit(
        parameters, lr=train.learning_rate, betas=BETAS, eps=EPSILON, weight_decay=train.weight_decay
    )
    return eight_bit


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the rate of the next update."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def drop_parameters(optimizer: torch.optim.Optimizer, dropped: Iterable[nn.Parameter]) -> None:
    """Takes parameters out of the optimizer for good: no decay, no momentum, no moments in memory."""
    gone = {id(parameter) for parameter in dropped}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if id(parameter) in gone:
                optimizer.state.pop(parameter, None)
        group["params"] = [parameter for parameter in group["params"] if id(parameter) not in gone]
