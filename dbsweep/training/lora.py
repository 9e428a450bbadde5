"""Laying the LoRA of the settings around the networks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from dbsweep.config.schema import Train
from dbsweep.models.adapters import AdapterShape, add_adapters
from dbsweep.training.randomness import Purpose, key


def lora_shape(train: Train) -> AdapterShape | None:
    """What the LoRA is like; None where whole networks train."""
    if train.lora_rank == 0:
        return None
    return AdapterShape(
        rank=train.lora_rank,
        alpha=train.lora_rank if train.lora_alpha is None else train.lora_alpha,
        dropout=train.lora_dropout,
        targets=train.lora_targets,
        dora=train.lora_dora,
    )


def begin_lora(networks: Mapping[str, nn.Module], shape: AdapterShape, seed: int) -> None:
    """Lays fresh adapters around the networks, the same for the same seed whatever else is adapted."""
    for name, network in networks.items():
        with torch.random.fork_rng():
            torch.manual_seed(key(seed, Purpose.LORA, *name.encode()) % 2**63)
            add_adapters({name: network}, shape)
