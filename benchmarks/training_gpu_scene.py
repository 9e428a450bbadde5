"""What `benchmarks.training_gpu` measures on: networks of SD 1.5's shapes, photos of noise, a card made ready."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel

from dbsweep.config.schema import Train
from dbsweep.minisd.paths import pipeline_path
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.loading import load_base

PHOTOS: Final = 64
"""Every batch size divides it: all steps are of whole batches."""


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """What is measured on: SD 1.5's shapes on a GPU, or tiny ones on the CPU to try the command."""

    models: StableDiffusion
    resolution: int
    rate: float

    @property
    def device(self) -> torch.device:
        """Of the models."""
        return self.models.device


def matmul_rate(size: int = 8192, repeats: int = 20) -> float:
    """Measured FLOP/s of a large bf16 matrix product."""
    matrix = torch.randn(size, size, device="cuda", dtype=torch.bfloat16)
    for repeat in range(2 * repeats):
        if repeat == repeats:  # the first half warms up
            torch.cuda.synchronize()
            begun = time.perf_counter()
        matrix @ matrix
    torch.cuda.synchronize()
    return 2 * size**3 * repeats / (time.perf_counter() - begun)


def sd15_shaped(device: str, *, small: bool) -> StableDiffusion:
    """SD 1.5's networks in shape, which are the libraries' defaults; tokenizer and schedule are MiniSD's."""
    mini = load_base(str(pipeline_path()))
    channels, text_layers = ((32, 64, 64, 64), 2) if small else ((320, 640, 1280, 1280), 12)
    with torch.device(device):
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, block_out_channels=channels)
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=text_layers
            )
        )
        vae = AutoencoderKL(
            block_out_channels=(32, 32, 32, 32) if small else (128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
        )
    return dataclasses.replace(mini, unet=unet, text_encoder=text_encoder, vae=vae).to(device)


def train_settings(scene: Scene, batch: int, **changes: object) -> Train:
    """As the benchmark trains, but for the changes."""
    given = {"resolution": scene.resolution, "batch_size": batch, "class_images_per_instance": 0, "precision": "bf16"}
    return Train.model_validate({**given, "text_encoder_ratio": 1.0, **changes})


def write_for_peer(scene: Scene, folder: Path) -> tuple[Path, Path]:
    """The networks as a diffusers folder, and photos of noise."""
    models = scene.models
    StableDiffusionPipeline(
        vae=models.vae,
        text_encoder=models.text_encoder,
        tokenizer=models.tokenizer,
        unet=models.unet,
        scheduler=DDPMScheduler.from_config(dict(models.scheduler_config)),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder / "model")
    photos = folder / "photos"
    photos.mkdir()
    for index in range(PHOTOS):
        pixels = np.random.default_rng(index).integers(0, 256, (scene.resolution, scene.resolution, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photos / f"{index:02d}.png")
    return folder / "model", photos


def now() -> float:
    """Seconds, when all that has been asked of the card is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


@contextmanager
def away(models: StableDiffusion) -> Iterator[None]:
    """Inside, the device's memory belongs to others."""
    device = models.device
    models.to("cpu")
    with fresh_memory():
        yield
    models.to(device)


@contextmanager
def fresh_memory() -> Iterator[None]:
    """Inside, the peak of memory is counted anew, from what is left after cleaning up."""
    _empty()
    yield
    _empty()


def _empty() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
