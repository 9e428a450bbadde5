"""Training on a GPU: images/s, peak memory and the share of the card's measured matmul rate.

Not run yet: it was written where there was no GPU. An SD-1.5-shaped UNet and text encoder of random weights at 512 px,
bf16 autocast, AdamW, cached latents, no class images, both networks training.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any, Final

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from benchmarks.training_case import Case
from benchmarks.training_phases import trainer_of
from dbsweep.config.schema import Train
from dbsweep.minisd.paths import pipeline_path
from dbsweep.models.bundle import StableDiffusion
from dbsweep.models.loading import load_base

BATCHES: Final = (1, 4, 16)
PHOTOS: Final = 48
STEPS: Final = 20
WARM_UP: Final = 5
STEP_FLOP: Final = 3 * 0.80e12
"""Of the UNet for one image at 512 px: a forward pass of SD 1.5 is 0.80 TFLOP, a backward pass twice that."""


def measure_gpu() -> dict[str, Any] | str:
    """By batch size: images/s, peak bytes and share of the matmul rate; a sentence where there is no GPU."""
    if not torch.cuda.is_available():
        return "there is no GPU here: nothing was measured"
    rate = matmul_rate()
    found: dict[str, Any] = {"card": torch.cuda.get_device_name(), "matmul_tflops": round(rate / 1e12, 1)}
    return found | {f"batch_{batch}": measure_batch(batch, rate) for batch in BATCHES}


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


def measure_batch(batch: int, rate: float) -> dict[str, float]:
    """One trainer on fresh networks."""
    train = Train(resolution=512, batch_size=batch, class_images_per_instance=0, precision="bf16")
    trainer = trainer_of(sd15_shaped(), train, Case(STEPS, text_encoder=True), photos=PHOTOS)
    trainer.train_until(WARM_UP)
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    begun = time.perf_counter()
    trainer.train_until(WARM_UP + STEPS)
    torch.cuda.synchronize()
    images_per_s = batch * STEPS / (time.perf_counter() - begun)
    return {
        "images_per_s": round(images_per_s, 2),
        "memory_bytes": torch.cuda.max_memory_allocated(),
        "share_of_matmul_rate": round(images_per_s * STEP_FLOP / rate, 3),
    }


def sd15_shaped() -> StableDiffusion:
    """SD 1.5's UNet and text encoder in shape, which are the libraries' defaults, on the GPU."""
    small = load_base(str(pipeline_path()))  # for its tokenizer and schedule; its autoencoder is not used
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)
    text_encoder = CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12))
    return dataclasses.replace(small, unet=unet, text_encoder=text_encoder).to("cuda")
