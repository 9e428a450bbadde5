"""The disk that a checkpoint takes: its weights, and the state to go on from."""

from __future__ import annotations

import pytest

from dbsweep.plan.rates import rates_for
from tests.plan.experiments import experiment


def test_sizes_follow_the_model():
    sizes = [
        rates_for(experiment(base_model=name)).weight_bytes
        for name in ("minisd", "stable-diffusion-v1-5/stable-diffusion-v1-5", "stabilityai/stable-diffusion-2-1")
    ]
    assert sizes == sorted(set(sizes))
    unknown = rates_for(experiment(base_model="somebody/something"))
    assert unknown.weight_bytes == sizes[1]
    assert unknown.basis == "taking the base model to be as large as Stable Diffusion 1"


@pytest.mark.parametrize(
    ("train", "bytes_a_parameter"),
    [
        # fp32 weights and the moments
        ({"optimizer": "adamw"}, 4 + 2 * 4),
        ({"optimizer": "adamw_8bit"}, 4 + 2),
        ({"optimizer": "paged_adamw_8bit"}, 4 + 2),
        ({"optimizer": "lion_8bit"}, 4 + 1),
        ({"optimizer": "adafactor"}, 4 + 1.9),
        ({"optimizer": "prodigy", "learning_rate": 1}, 4 + 4 * 4),
        ({"ema_decay": 0.99}, 4 + 2 * 4 + 4),
    ],
    ids=str,
)
def test_moments_and_averages_take_disk(train: dict[str, object], bytes_a_parameter: float):
    parameters = rates_for(experiment(checkpoints={"precision": "fp32"})).weight_bytes // 4
    assert rates_for(experiment(train=train)).state_bytes == round(parameters * bytes_a_parameter)


def test_a_lora_takes_the_disk_of_its_adapter():
    sd15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    lora = rates_for(experiment(base_model=sd15, train={"lora_rank": 4}))
    # Rank 4 of SD 1.5's attention: 797,184 parameters in the UNet, as diffusers counts them, and 294,912 in the text
    # encoder: 12 layers of 4 squares with 768 inputs and 768 outputs.
    assert lora.weight_bytes == 2 * (797_184 + 12 * 4 * 2 * 768 * 4)
    assert lora.state_bytes == 6 * lora.weight_bytes
    swept = experiment(base_model=sd15, search={"lora_rank": [4, 16]}, train={"lora_targets": "linear"})
    assert rates_for(swept).weight_bytes == 2 * 16 * 589_824
    some = experiment(base_model=sd15, search={"lora_rank": [0, 16]})
    assert rates_for(some).weight_bytes == rates_for(experiment(base_model=sd15)).weight_bytes
    # Of the trial without a LoRA the state has both networks whole, also where one of them does not train.
    some = experiment(base_model=sd15, search={"lora_rank": [0, 16], "text_encoder_ratio": [0]})
    assert rates_for(some).state_bytes == 4 * (860_000_000 + 123_000_000) + 8 * 860_000_000


def test_doras_magnitudes_take_disk_too():
    sd15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    plain, dora = ({"lora_rank": 4, "lora_dora": dora} for dora in (False, True))
    found, without = (rates_for(experiment(base_model=sd15, train=train)) for train in (dora, plain))
    # One of each output: 36,864 in the text encoder, of 12 layers' 4 squares; 99,840 in the UNet.
    assert found.weight_bytes - without.weight_bytes == 2 * (12 * 4 * 768 + 99_840)
    swept = experiment(base_model=sd15, train={"lora_rank": 4}, search={"lora_dora": [False, True]})
    assert rates_for(swept) == found


@pytest.mark.parametrize("search", [{"text_encoder_ratio": [0]}, {"text_encoder_ratio": [0.2], "epochs": [2]}], ids=str)
def test_a_text_encoder_that_never_trains_is_in_no_checkpoint(search: dict[str, object]):
    sd15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    lora = rates_for(experiment(base_model=sd15, train={"lora_rank": 4}, search=search))
    assert lora.weight_bytes == 2 * 797_184  # of the UNet, as above
    assert lora.state_bytes == 6 * lora.weight_bytes
    whole = rates_for(experiment(base_model=sd15, search=search))
    assert whole.weight_bytes == 2 * 860_000_000
    # The state's weights are of both networks.
    assert whole.state_bytes == 4 * (860_000_000 + 123_000_000) + 8 * 860_000_000
    some = experiment(base_model=sd15, search=search | {"text_encoder_ratio": [0, 0.5]})
    assert rates_for(some).weight_bytes == 2 * (860_000_000 + 123_000_000)


def test_a_swept_optimizer_is_counted_at_its_hungriest():
    swept = experiment(search={"optimizer": ["lion_8bit", "adamw", "adamw_8bit"]})
    assert rates_for(swept).state_bytes == rates_for(experiment(train={"optimizer": "adamw"})).state_bytes


def test_a_swept_average_is_counted_where_there_is_one():
    swept, averaged = experiment(search={"ema_decay": [0, 0.99]}), experiment(train={"ema_decay": 0.99})
    assert rates_for(swept).state_bytes == rates_for(averaged).state_bytes
