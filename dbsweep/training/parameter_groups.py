"""Which parameters have a learning rate of their own: those of a network, or each factor of its LoRA."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import nn

from dbsweep.config.schema import Train
from dbsweep.models.adapters import is_second_factor


def parameter_groups(train: Train, networks: Iterable[Mapping[str, nn.Parameter]]) -> list[list[nn.Parameter]]:
    """One group a network; with LoRA+ two, of which the second has the second factors.

    Args:
        networks: what trains of each, by its name there.
    """
    if not _has_lora_plus(train):
        return [list(network.values()) for network in networks]
    return [
        [parameter for key, parameter in network.items() if is_second_factor(key) is second]
        for network in networks
        for second in (False, True)
    ]


def group_rates(train: Train, rates: Iterable[float]) -> tuple[float, ...]:
    """The learning rates of `parameter_groups` (Hayou et al. 2024, "LoRA+").

    Args:
        rates: of each network.
    """
    factors = (1.0, train.lora_plus_ratio) if _has_lora_plus(train) else (1.0,)
    return tuple(factor * rate for rate in rates for factor in factors)


def _has_lora_plus(train: Train) -> bool:
    return train.lora_rank > 0 and train.lora_plus_ratio != 1.0
