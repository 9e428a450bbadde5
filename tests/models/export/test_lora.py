"""LoRA weights are taken from where peft trains them, with the alpha that gives its scale back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from dbsweep.models.export.lora import LoraPair, take_lora


def network(adapter: str = "default", **changes: Any) -> nn.Module:
    """Three layers with a LoRA around two, one of them a convolution."""
    layers = nn.ModuleDict({"to_q": nn.Linear(6, 5), "conv": nn.Conv2d(3, 4, 3), "norm": nn.LayerNorm(6)})
    settings = {"r": 2, "lora_alpha": 3, "target_modules": ["to_q", "conv"], "init_lora_weights": False, **changes}
    return inject_adapter_in_model(LoraConfig(**settings), layers, adapter_name=adapter)


def test_each_layer_has_its_pair_in_the_shapes_of_its_weight() -> None:
    lora = take_lora({"unet": network()})
    shapes = {name: (tuple(pair.down.shape), tuple(pair.up.shape)) for name, pair in lora.items()}
    assert shapes == {"unet.to_q": ((2, 6), (5, 2)), "unet.conv": ((2, 3, 3, 3), (4, 2, 1, 1))}
    assert {(pair.rank, pair.alpha, pair.magnitude) for pair in lora.values()} == {(2, 3.0, None)}


@pytest.mark.parametrize(("rank_stabilised", "alpha"), [(False, 3.0), (True, 3.0 * 2**0.5)])
def test_what_is_added_to_a_weight_is_what_peft_adds(rank_stabilised: bool, alpha: float) -> None:
    trained = network(use_rslora=rank_stabilised)
    pair = take_lora({"unet": trained})["unet.to_q"]
    assert pair.alpha == pytest.approx(alpha)
    added = pair.alpha / pair.rank * pair.up @ pair.down
    torch.testing.assert_close(added, trained.get_submodule("to_q").get_delta_weight("default"))  # type: ignore[operator]


def test_what_is_taken_does_not_train_on() -> None:
    trained = network()
    pair = take_lora({"unet": trained})["unet.to_q"]
    before = pair.down.clone()
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(1.0)
    assert torch.equal(pair.down, before)
    assert not pair.down.requires_grad


def test_a_dora_has_its_lengths_too() -> None:
    pair = take_lora({"unet": network(use_dora=True)})["unet.to_q"]
    assert pair.magnitude is not None
    assert pair.magnitude.shape == (5,)


def test_names_are_those_without_the_prefixes_of_peft_and_older_transformers() -> None:
    inner = nn.ModuleDict({"text_model": network()})
    outer = nn.ModuleDict({"base_model": nn.ModuleDict({"model": inner})})
    assert take_lora({"text_encoder": outer}).keys() == {"text_encoder.to_q", "text_encoder.conv"}


def test_another_adapter_and_networks_without_one_give_nothing() -> None:
    assert take_lora({"unet": network("theirs"), "text_encoder": nn.Linear(2, 2)}) == {}
    (first, *_) = take_lora({"unet": network("theirs")}, "theirs").values()
    assert isinstance(first, LoraPair)
