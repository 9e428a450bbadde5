"""What drawing a checkpoint takes, by arithmetic and by what lives while MiniSD's is drawn."""

from __future__ import annotations

import gc

import pytest
import torch

from benchmarks.memory import Living
from dbsweep.concepts.captions import Caption
from dbsweep.concepts.latents import LatentMoments
from dbsweep.config.schema import Train
from dbsweep.minisd.paths import pipeline_path
from dbsweep.models.loading import load_base
from dbsweep.plan.memory.drawing import drawing_memory, pass_bytes, picture_bytes
from dbsweep.plan.memory.sizes import MINISD, SD1
from dbsweep.plan.memory.training import RESERVE_BYTES, training_memory
from dbsweep.sampling.request import ImageRequest
from dbsweep.sampling.sampler import draw
from dbsweep.training.data import ConceptData
from dbsweep.training.trainer import Trainer

MIB = 2**20


def test_the_parts_add_up():
    """Gradients and activations are gone; moments and average stay for the steps that follow."""
    training = training_memory(Train(ema_decay=0.99, text_encoder_ratio=1.0), SD1, prompts=2, scoring_bytes=1000)
    found = drawing_memory(training, SD1, 512, on_gpu=True)
    networks = 860_000_000 + 123_000_000
    assert found.total == 4 * (networks + 83_700_000) + (8 + 4) * networks + 768 * MIB + RESERVE_BYTES
    assert found.parts_text().endswith(", picture 0.8, reserve 1.5")


def test_who_scores_stays_beside_a_picture_where_there_is_no_other_memory():
    training = training_memory(Train(), SD1, prompts=2, scoring_bytes=1000)
    on_gpu, on_cpu = (drawing_memory(training, SD1, 512, on_gpu=on_gpu).total for on_gpu in (True, False))
    assert on_cpu - on_gpu == 1000


def test_beside_a_unet_in_half_precision_pictures_are_made_by_a_copy_of_the_vae():
    """Half of what a picture takes, and 2 bytes of each of the VAE's weights."""
    train = Train(lora_rank=8, precision="bf16")
    training = training_memory(train, SD1, prompts=2, scoring_bytes=0)
    found = drawing_memory(training, SD1, 512, on_gpu=True, in_half=train.frozen_in_half)
    assert found.weights == training.weights == 2 * 860_000_000 + 4 * (123_000_000 + 83_700_000)
    assert found.picture == 384 * MIB + 2 * 83_700_000


def test_a_picture_takes_by_its_pixels():
    assert picture_bytes(SD1, 1024) == 4 * picture_bytes(SD1, 512) == 16 * picture_bytes(SD1, 256)


def test_a_pass_of_the_unet_takes_what_lives_meanwhile():
    unet = load_base(str(pipeline_path())).unet
    latents, texts = (
        torch.zeros(4, unet.config.in_channels, 16, 16),
        torch.zeros(4, 77, unet.config.cross_attention_dim),
    )
    with torch.inference_mode(), Living() as living:
        unet(latents, 1, encoder_hidden_states=texts)
    assert living.most == pytest.approx(pass_bytes(unet.config.block_out_channels[0], 4 * 16 * 16), rel=0.01)


def photos() -> ConceptData:
    """Latents of two images that do not exist."""
    mean = torch.randn(2, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    captions = (Caption("photo of ohwx man"),) * 2
    return ConceptData(
        instance=LatentMoments(mean, torch.full_like(mean, -4.0)),
        class_images=None,
        instance_captions=captions,
        class_captions=(),
    )


def living_bytes() -> int:
    """Of all tensors of this process; those that other tests have faked have none."""
    gc.collect()
    real = (torch.Tensor, torch.nn.Parameter)
    tensors = [each for each in gc.get_objects() if type(each) in real and each.device.type == "cpu"]
    return sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}.values())


@pytest.mark.parametrize(
    ("changes", "off"),
    [
        ({}, 0.01),
        ({"ema_decay": 0.5}, 0.01),
        ({"lora_rank": 4}, 0.01),
        ({"lora_rank": 4, "precision": "bf16"}, 0.015),  # copies of norms and adapters are not forecast
    ],
    ids=str,
)
def test_minisd_draws_with_what_is_forecast(changes: dict[str, object], off: float):
    train, before = Train.model_validate({"resolution": 64, "class_images_per_instance": 0, **changes}), living_bytes()
    models = load_base(str(pipeline_path()))
    trainer = Trainer(models, [photos()], train, steps_per_epoch=2, total_steps=2, text_encoder_steps=2)
    trainer.train_until(1)
    kept = living_bytes() - before
    request = ImageRequest("photo of man", "", seed=7, num_inference_steps=2, sampler="Euler", width=64, height=64)
    with Living() as drawing:
        draw(models, [request], precision=train.precision)
    training = training_memory(train, MINISD, prompts=2, scoring_bytes=0)
    forecast = drawing_memory(training, MINISD, 64, on_gpu=True, in_half=train.frozen_in_half)
    assert forecast.total - forecast.reserve == pytest.approx(kept + drawing.most, rel=off)
