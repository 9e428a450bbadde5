"""How many parameters train."""

from __future__ import annotations

from typing import get_args

import pytest

from dbsweep.config.optimization import OptimizerName
from dbsweep.plan.memory.sizes import MINISD, MOMENTS_BYTES, SD1, SD2


def test_without_a_lora_whole_networks_train() -> None:
    assert SD1.trained(0, "attention", dora=False, text_encoder=False) == 860_000_000
    assert SD1.trained(0, "attention", dora=True, text_encoder=True) == 983_000_000


@pytest.mark.parametrize("size", [MINISD, SD1, SD2], ids=lambda size: size.name)
def test_a_lora_grows_with_its_rank_and_doras_lengths_do_not(size) -> None:
    for targets in ("attention", "linear", "convolution"):
        unet = size.lora["unet"][targets]
        assert size.trained(1, targets, dora=False, text_encoder=False) == unet
        assert size.trained(8, targets, dora=False, text_encoder=True) == 8 * (
            unet + size.lora["text_encoder"][targets]
        )
        lengths = size.dora["unet"][targets]
        assert size.trained(8, targets, dora=True, text_encoder=False) == 8 * unet + lengths


@pytest.mark.parametrize("size", [MINISD, SD1, SD2], ids=lambda size: size.name)
def test_each_kind_of_target_has_the_layers_of_the_one_before(size) -> None:
    for counted in (size.lora, size.dora):
        for network in ("unet", "text_encoder"):
            kinds = [counted[network][kind] for kind in ("attention", "linear", "convolution")]
            assert kinds == sorted(kinds)


def test_every_optimizer_has_its_moments_counted() -> None:
    assert set(MOMENTS_BYTES) == set(get_args(OptimizerName))
