"""Which layers a LoRA lies around."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from peft.tuners.lora import LoraLayer
from torch import nn

from dbsweep.config.lora import Targets
from dbsweep.errors import ModelError
from dbsweep.models.adapters import AdapterShape, add_adapters, is_adapter, load_adapters, weight_tensors
from tests.tiny_models import make_tokenizer, narrow_parts


def parts(version: int) -> dict[str, nn.Module]:
    networks = narrow_parts(version, make_tokenizer())
    return {name: networks[name] for name in ("unet", "text_encoder")}


def adapted(version: int, targets: Targets) -> set[str]:
    networks = parts(version)
    add_adapters(networks, AdapterShape(rank=1, alpha=1.0, targets=targets))
    return {
        f"{name}.{key}"
        for name, network in networks.items()
        for key, module in network.named_modules()
        if isinstance(module, LoraLayer)
    }


def kohyas(version: int) -> Iterator[str]:
    """By the rule of its `networks/lora.py`: linear layers and 1×1 convolutions in modules of these classes."""
    inside = ("Transformer2DModel", "CLIPAttention", "CLIPMLP")
    for name, network in parts(version).items():
        for outer, module in network.named_modules():
            if type(module).__name__ in inside:
                for key, layer in module.named_modules():
                    is_point = isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1)
                    if isinstance(layer, nn.Linear) or is_point:
                        yield f"{name}.{outer}.{key}"


@pytest.mark.parametrize("version", [1, 2])
def test_linear_are_the_layers_of_kohyas_lora(version: int) -> None:
    layers = adapted(version, "linear")
    assert layers == set(kohyas(version))
    assert len([name for name in layers if name.startswith("unet.")]) == 192
    assert len(layers) == 192 + 6 * {1: 12, 2: 23}[version]


def test_attention_are_the_layers_of_diffusers_lora() -> None:
    """Its scripts' `target_modules`: four layers of each attention, two of which a UNet's block has."""
    layers = adapted(1, "attention")
    assert len([name for name in layers if name.startswith("unet.")]) == 16 * 2 * 4
    assert len(layers) == 16 * 2 * 4 + 12 * 4


def test_weights_of_another_rank_are_refused() -> None:
    """Those of rank 1 would otherwise be spread over all ranks without a word."""
    small, large = parts(1), parts(1)
    for networks, rank in ((small, 1), (large, 2)):
        add_adapters(networks, AdapterShape(rank=rank, alpha=1.0))
    with pytest.raises(ModelError, match="its layers or ranks are others"):
        load_adapters(large, weight_tensors(small, is_adapter))
