"""A network is one group of parameters; with LoRA+ each factor of its LoRA is one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dbsweep.training.parameter_groups import group_rates, parameter_groups
from tests.training.dreambooth import settings

FIRST, SECOND, LENGTH = "a.lora_A.default.weight", "a.lora_B.default.weight", "a.lora_magnitude_vector.default.weight"


def network() -> dict[str, nn.Parameter]:
    return {name: nn.Parameter(torch.zeros(1)) for name in (FIRST, SECOND, LENGTH)}


@pytest.mark.parametrize("changes", [{}, {"lora_plus_ratio": 16.0}, {"lora_rank": 4}], ids=str)
def test_a_network_is_a_group_without_lora_plus(changes: dict[str, object]) -> None:
    unet, text_encoder = network(), network()
    train = settings(**changes)
    assert parameter_groups(train, [unet, text_encoder]) == [[*unet.values()], [*text_encoder.values()]]
    assert group_rates(train, (1.0, 0.5)) == (1.0, 0.5)


def test_second_factors_have_a_rate_of_their_own() -> None:
    unet, text_encoder = network(), network()
    train = settings(lora_rank=4, lora_plus_ratio=16.0)
    assert parameter_groups(train, [unet, text_encoder]) == [
        [unet[FIRST], unet[LENGTH]],
        [unet[SECOND]],
        [text_encoder[FIRST], text_encoder[LENGTH]],
        [text_encoder[SECOND]],
    ]
    assert group_rates(train, (1.0, 0.5)) == (1.0, 16.0, 0.5, 8.0)
    assert parameter_groups(train, [unet]) == [[unet[FIRST], unet[LENGTH]], [unet[SECOND]]]
