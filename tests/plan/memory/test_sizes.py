"""How many parameters train, and how large those are who score."""

from __future__ import annotations

from typing import get_args

import pytest

from dbsweep.config.evaluate import Evaluate
from dbsweep.config.optimization import OptimizerName
from dbsweep.plan.memory.dinov2 import dinov2_bytes
from dbsweep.plan.memory.sizes import MINISD, MOMENTS_BYTES, SD1, SD2, SMALL_ENCODER, encoder_bytes, scoring_bytes


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


@pytest.mark.parametrize(
    ("encoder", "parameters"),
    [
        ("minisd", 1_270_000),
        (SMALL_ENCODER, 151_000_000),
        ("ViT-L-14/openai", 428_000_000),
        ("ViT-L-14-336/openai", 428_000_000),
        ("ViT-bigG-14/laion2b_s39b_b160k", 2_540_000_000),
        ("ViT-g-14/laion2b_s34b_b88k", 1_367_000_000),
        ("/models/somebody's", 428_000_000),
    ],
)
def test_encoders_are_known_by_how_their_names_begin_and_others_taken_for_the_usual_one(
    encoder: str, parameters: int
) -> None:
    assert encoder_bytes(encoder) == 4 * parameters


def test_who_tells_identity_is_counted_beside_who_tells_style() -> None:
    style = encoder_bytes("minisd")

    def counted(**identity: str) -> int:
        return scoring_bytes(Evaluate.model_validate({"encoder": "minisd", "identity": identity}))

    assert counted() == style
    assert counted(encoder=SMALL_ENCODER) == style + 4 * 151_000_000
    assert counted(dinov2="facebook/dinov2-base") == style + dinov2_bytes("facebook/dinov2-base")
    faces = {"face_detector": "/models/yunet.onnx", "face_recognizer": "/models/sface.onnx"}
    assert counted(**faces) == style, "they look on the CPU"
