"""Optimizers, and the learning rates of their parameter groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import nn

from dbsweep.config.optimization import OptimizerName
from dbsweep.config.schema import Train
from dbsweep.errors import ResourceError
from dbsweep.models.left_out import let_in
from dbsweep.training.parameter_groups import group_rates

BETAS = (0.9, 0.999)
LION_BETAS = (0.9, 0.99)
"""Chen et al. 2023, "Symbolic discovery of optimization algorithms", table 12."""
EPSILON = 1e-8

Groups: TypeAlias = list[dict[str, Any]]
"""torch's parameter groups: ``params`` and ``lr`` of each."""


def make_optimizer(train: Train, groups: Sequence[Sequence[nn.Parameter]]) -> torch.optim.Optimizer:
    """The optimizer of the settings.

    Args:
        groups: `dbsweep.training.parameter_groups.parameter_groups` of the UNet and, where it trains, the text encoder.

    Raises:
        ResourceError: it needs a package or a device that is not there.
    """
    rates = group_rates(train, train.peak_learning_rates)
    named: Groups = [{"params": list(group), "lr": rate} for group, rate in zip(groups, rates, strict=False)]
    check_optimizer(train.optimizer, on_gpu=groups[0][0].device.type == "cuda")
    return _MAKERS[train.optimizer](train, named)


def check_optimizer(name: str, *, on_gpu: bool) -> None:
    """ResourceError where an optimizer needs a GPU and there is none."""
    if name.startswith("paged_") and not on_gpu:
        raise ResourceError(
            f"train.optimizer {name} pages between GPU and CPU memory, and trials run on the CPU:"
            f" use {name.removeprefix('paged_')}"
        )


def set_learning_rates(optimizer: torch.optim.Optimizer, rates: Iterable[float]) -> None:
    """Sets the learning rate of each parameter group, for the next step."""
    for group, rate in zip(optimizer.param_groups, rates, strict=False):
        group["lr"] = rate


def estimate(optimizer: torch.optim.Optimizer) -> float:
    """What the optimizer itself multiplies the learning rates of the next step by: Prodigy's d; 1 for all others."""
    return float(optimizer.param_groups[0].get("d", 1.0))


def drop_parameters(optimizer: torch.optim.Optimizer, dropped: Iterable[nn.Parameter]) -> None:
    """Takes parameters out of the optimizer for good: no decay, no momentum, no moments in memory."""
    gone = {id(parameter) for parameter in dropped}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if id(parameter) in gone:
                optimizer.state.pop(parameter, None)
        group["params"] = [parameter for parameter in group["params"] if id(parameter) not in gone]


def _adamw(train: Train, groups: Groups) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019) in one fused pass over the parameters."""
    return torch.optim.AdamW(groups, betas=BETAS, eps=EPSILON, weight_decay=train.weight_decay, fused=True)


def _eight_bit(name: str, betas: tuple[float, float]) -> Callable[[Train, Groups], torch.optim.Optimizer]:
    """One of bitsandbytes' (Dettmers et al. 2022), moments in 8 bits where a tensor has at least 4096 values."""

    def make(train: Train, groups: Groups) -> torch.optim.Optimizer:
        let_in("bitsandbytes")
        try:
            import bitsandbytes.optim
        except ImportError as error:
            raise ResourceError(
                f"train.optimizer {train.optimizer} needs bitsandbytes: install it, or use adamw"
            ) from error
        for parameter in (each for group in groups for each in group["params"]):
            # bitsandbytes does so too, but at the first step: the moments, and who holds the weights, would not follow.
            parameter.data = parameter.data.contiguous()
        optimizer: torch.optim.Optimizer = getattr(bitsandbytes.optim, name)(
            groups, betas=betas, weight_decay=train.weight_decay
        )
        return optimizer

    return make


def _adafactor(train: Train, groups: Groups) -> torch.optim.Optimizer:
    """Adafactor (Shazeer & Stern 2018) with the learning rate as given: no relative steps, no scaling by weights."""
    from transformers.optimization import Adafactor

    optimizer: torch.optim.Optimizer = Adafactor(
        groups, weight_decay=train.weight_decay, scale_parameter=False, relative_step=False, warmup_init=False
    )
    return optimizer


def _prodigy(train: Train, groups: Groups) -> torch.optim.Optimizer:
    """Prodigy (Mishchenko & Defazio 2023), which estimates the learning rate; its authors' settings for diffusion."""
    from pytorch_optimizer.optimizer.prodigy import Prodigy

    optimizer: torch.optim.Optimizer = Prodigy(
        groups, betas=BETAS, eps=EPSILON, weight_decay=train.weight_decay, bias_correction=True, safeguard_warmup=True
    )
    return optimizer


_MAKERS: Mapping[OptimizerName, Callable[[Train, Groups], torch.optim.Optimizer]] = {
    "adamw": _adamw,
    "adamw_8bit": _eight_bit("AdamW8bit", BETAS),
    "paged_adamw_8bit": _eight_bit("PagedAdamW8bit", BETAS),
    "lion_8bit": _eight_bit("Lion8bit", LION_BETAS),
    "paged_lion_8bit": _eight_bit("PagedLion8bit", LION_BETAS),
    "adafactor": _adafactor,
    "prodigy": _prodigy,
}
