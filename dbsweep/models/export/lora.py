"""LoRA weights, taken from the layers that peft trains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

NETWORKS = ("unet", "text_encoder")
ADAPTER = "default"
"""peft's name of the only adapter of a network."""


@dataclass(frozen=True)
class LoraPair:
    """What is added to one layer's weight: ``alpha / rank * up @ down`` (Hu et al. 2021, section 4.1).

    Attributes:
        down: (rank, in), or (rank, in, height, width) for a convolution.
        up: (out, rank), or (out, rank, 1, 1).
        alpha: before the division by the rank, as kohya's files keep it.
        magnitude: of DoRA (Liu et al. 2024, equation 5): lengths of the changed weight's rows, as peft shapes them;
            None for a plain LoRA.
    """

    down: Tensor
    up: Tensor
    alpha: float
    magnitude: Tensor | None = None

    @property
    def rank(self) -> int:
        """Of the product."""
        return int(self.down.shape[0])


Lora = Mapping[str, LoraPair]
"""By layer: ``unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q``,
``text_encoder.encoder.layers.0.self_attn.q_proj`` (without the ``text_model.`` of older transformers)."""


def take_lora(networks: Mapping[str, nn.Module], adapter: str = ADAPTER) -> dict[str, LoraPair]:
    """Copies of the LoRA weights that peft has put into the networks, on the CPU.

    Args:
        networks: ``unet`` and ``text_encoder``, or one of them.
    """
    found: dict[str, LoraPair] = {}
    for network_name, network in networks.items():
        for name, layer in _lora_layers(network, adapter):
            has_dora = adapter in layer.lora_magnitude_vector
            magnitude = _copy(layer.lora_magnitude_vector[adapter]) if has_dora else None
            down, up = _copy(layer.lora_A[adapter]), _copy(layer.lora_B[adapter])
            # Whatever the scale was made of (rank-stabilised or not), this alpha gives it back.
            found[f"{network_name}.{name}"] = LoraPair(down, up, float(layer.scaling[adapter] * len(down)), magnitude)
    return found


def _lora_layers(network: nn.Module, adapter: str) -> Iterator[tuple[str, LoraLayer]]:
    for name, module in network.named_modules():
        if isinstance(module, LoraLayer) and adapter in module.lora_A:
            yield name.removeprefix("base_model.model.").removeprefix("text_model."), module


def _copy(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.detach().to("cpu", copy=True).contiguous()
