"""LoRA and DoRA while they train: layers that peft lays around those of a network, put on, read, merged, taken off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from pydantic import Field
from torch import Tensor, nn

from dbsweep.config.lora import LAYERS, Targets
from dbsweep.errors import ModelError
from dbsweep.records.record import Record


class AdapterShape(Record):
    """What an adapter looks like.

    Attributes:
        rank: of the product that is added to each weight.
        alpha: the product counts alpha / rank times.
        dropout: share of a layer's inputs that its adapter does not see in training.
        targets: which layers.
        dora: magnitudes of the weights are learned apart (Liu et al. 2024, "DoRA").
    """

    rank: int = Field(ge=1)
    alpha: float
    dropout: float = 0.0
    targets: Targets = "attention"
    dora: bool = False


def add_adapters(networks: Mapping[str, nn.Module], shape: AdapterShape) -> None:
    """Lays adapters around the layers of ``unet``, ``text_encoder`` or both; nothing but them requires a gradient.

    They begin without effect; their first factors are drawn from torch's global generator.
    """
    for name, network in networks.items():
        targets = list(LAYERS[name][shape.targets])
        config = LoraConfig(
            r=shape.rank,
            lora_alpha=shape.alpha,  # type: ignore[arg-type]  # peft says int and takes any number
            lora_dropout=shape.dropout,
            target_modules=targets,
            use_dora=shape.dora,
        )
        inject_adapter_in_model(config, network)


def is_adapter(key: str) -> bool:
    """Whether a weight of a network, by its name there, is an adapter's."""
    return ".lora_" in key


def is_second_factor(key: str) -> bool:
    """Whether a weight, by its name in a network, is the factor of an adapter that begins as zero."""
    return ".lora_B." in key


def factors_of(network: nn.Module) -> Iterator[tuple[nn.Parameter, nn.Parameter, float]]:
    """Of each adapter its first factor A (rank, …), its second B (…, rank, …), and what B A is multiplied by."""
    for _, _, layer in _adapted(network):
        for name, scale in layer.scaling.items():
            yield layer.lora_A[name].get_parameter("weight"), layer.lora_B[name].get_parameter("weight"), scale


def weight_tensors(networks: Mapping[str, nn.Module], wanted: Callable[[str], bool]) -> dict[str, Tensor]:
    """The weights themselves, named ``<network>.<name in its state dict>``, of those whose name there passes."""
    return {
        f"{name}.{key}": tensor
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
        if wanted(key)
    }


def load_adapters(networks: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> None:
    """Writes weights into adapters of the same shape.

    Raises:
        ModelError: they are of other layers or ranks.
    """
    own = weight_tensors(networks, is_adapter)
    if own.keys() != tensors.keys() or any(own[key].shape != tensors[key].shape for key in own):
        raise ModelError("the LoRA does not fit the base model: its layers or ranks are others")
    for key, value in own.items():
        value.copy_(tensors[key])


def merge_adapters(networks: Mapping[str, nn.Module]) -> None:
    """Works the adapters into the weights of their layers, and takes them off."""
    for network in networks.values():
        for _, _, layer in _adapted(network):
            layer.merge()
    remove_adapters(networks)


def remove_adapters(networks: Mapping[str, nn.Module]) -> None:
    """Takes adapters off; the layers themselves are as they were. Without adapters nothing happens."""
    for network in networks.values():
        for parent, name, layer in list(_adapted(network)):
            base = layer.get_base_layer()
            base.requires_grad_(True)
            setattr(parent, name, base)
        if hasattr(network, "peft_config"):
            del network.peft_config


def _adapted(network: nn.Module) -> Iterator[tuple[nn.Module, str, LoraLayer]]:
    """Adapters with the module that has them and their name in it."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LoraLayer):
                yield parent, name, child
