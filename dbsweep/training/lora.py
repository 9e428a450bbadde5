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


def hold_in_half(unet: nn.Module, dtype: torch.dtype) -> None:
    """Rounds, in place, what of a UNet does not train and autocast would round in every pass: half the memory, the
    same bits.

    That is what linear layers and convolutions have; norms go on with float32 ones. Drawing and restoring make whole
    networks of it (`dbsweep.sampling.precision.converted`, `dbsweep.models.restoring`).
    """
    for layer in unet.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            for parameter in layer.parameters(recurse=False):
                if not parameter.requires_grad:
                    parameter.data = parameter.data.to(dtype)
