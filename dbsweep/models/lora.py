"""LoRA weights in and out of networks: taken from layers that peft trains, merged into layers for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from dbsweep.errors import ModelError
from dbsweep.models.bundle import StableDiffusion

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

    def delta(self) -> Tensor:
        """The change of the layer's weight, of that weight's shape, float32."""
        product = self.up.flatten(1).float() @ self.down.flatten(1).float()
        return (self.alpha / self.rank * product).reshape(self.up.shape[0], *self.down.shape[1:])


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


def merge_lora(models: StableDiffusion, lora: Lora, scale: float = 1.0) -> None:
    """Adds the LoRA to the weights of UNet and text encoder, in place.

    Raises:
        ModelError: it is of another family of models, or a DoRA.
    """
    if any(pair.magnitude is not None for pair in lora.values()):
        raise ModelError("a DoRA is not merged from its file: export the checkpoint that it comes from instead")
    layers = {f"{name}.{key}": layer for name in NETWORKS for key, layer in models.networks[name].named_modules()}
    layers = {name.replace("text_encoder.text_model.", "text_encoder."): layer for name, layer in layers.items()}
    weights = {name: _weight_of(layers.get(name), name, pair) for name, pair in lora.items()}
    with torch.no_grad():
        for name, pair in lora.items():
            change = scale * pair.delta()
            weights[name].add_(change.reshape(weights[name].shape).to(weights[name]))


def _lora_layers(network: nn.Module, adapter: str) -> Iterator[tuple[str, LoraLayer]]:
    for name, module in network.named_modules():
        if isinstance(module, LoraLayer) and adapter in module.lora_A:
            yield name.removeprefix("base_model.model.").removeprefix("text_model."), module


def _weight_of(layer: nn.Module | None, name: str, pair: LoraPair) -> Tensor:
    """The weight that a pair changes."""
    weight = getattr(layer, "weight", None)
    size = pair.up.shape[0] * pair.down[0].numel()
    if not isinstance(weight, Tensor) or weight.numel() != size or weight.shape[0] != pair.up.shape[0]:
        shape = "no such layer" if weight is None else f"one of {tuple(weight.shape)}"
        raise ModelError(
            f"this LoRA is of another family of models: it changes {name} of {pair.up.shape[0]} outputs and"
            f" {pair.down[0].numel()} inputs, and the base model has {shape}"
        )
    return weight


def _copy(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.detach().to("cpu", copy=True).contiguous()
